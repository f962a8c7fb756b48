"""Decoder processes, shared by threads: bytes in, prepared pixels out, and no image harms another.

An image that takes longer than its deadline, or ends its decoder, is named by an exception; its decoder is replaced.
"""

import json
import math
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import astuple
from queue import Empty, LifoQueue
from threading import Lock

import numpy as np
import numpy.typing as npt

from model import ModelError
from model.images.decoder_process import ANSWER, FAILED, PIXELS, REQUEST
from model.images.decoding import DEFAULT_LIMITS, DecodeLimits, ImageRejected
from model.images.preprocessing import Preprocessing

DEADLINE_S = 20.0
"""The largest image that is accepted takes some 4 s on one slow core."""
_START_S = 60.0
_LONGEST_REASON = 4096
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


class DecoderKilled(ModelError):
    """An image that got no answer: `reason` is too_slow, or crashed_worker if the decoder died of it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class DecodersClosed(ModelError):
    """The decoders were closed while an image was with one of them; it says nothing about the image."""


class Decoders:
    """Up to `count` decoder processes, started when they are needed."""

    def __init__(self, count: int, deadline_s: float = DEADLINE_S) -> None:
        self._count, self._deadline_s = count, deadline_s
        self._idle: LifoQueue[_Decoder | None] = LifoQueue()
        for _ in range(count):
            self._idle.put(None)
        self._running: set[_Decoder] = set()
        self._closed = False
        self._lock = Lock()

    def start(self, images: int | None = None) -> None:
        """Start all of them, or as many as there are images, at the same time and before the first image needs one."""
        places = [self._idle.get() for _ in range(self._count if images is None else min(self._count, images))]
        try:
            with ThreadPoolExecutor(self._count, thread_name_prefix="start-decoder") as pool:
                places = [*pool.map(lambda decoder: decoder or self._start(), places)]
        finally:
            for decoder in places:
                self._idle.put(decoder)

    def prepare(self, data: bytes, spec: Preprocessing, limits: DecodeLimits = DEFAULT_LIMITS) -> npt.NDArray[np.uint8]:
        """Turn a file's bytes into uint8[H, W, C]. Raises ImageRejected, DecoderKilled, DecodersClosed."""
        decoder = self._idle.get()
        try:
            decoder = decoder or self._start()
            return decoder.prepare(data, spec, limits, self._deadline_s)
        except (OSError, EOFError, ValueError) as error:
            if decoder is not None:
                self._end(decoder)
            closed, killed = self._closed, _cause(error, decoder, self._deadline_s)
            decoder = None
            if closed:
                raise DecodersClosed("the decoders were closed") from None
            raise killed from None
        finally:
            self._idle.put(decoder)

    def close(self) -> None:
        """End all of them, busy or not, and start no more."""
        with self._lock:
            self._closed = True
            for decoder in self._running:
                decoder.process.kill()
        idle: list[_Decoder | None] = []
        with suppress(Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for decoder in filter(None, idle):
            self._end(decoder)
        for _ in idle:
            self._idle.put(None)

    def _start(self) -> "_Decoder":
        with self._lock:
            if self._closed:
                raise DecodersClosed("the decoders were closed")
            decoder = _Decoder()
            self._running.add(decoder)
        try:
            decoder.wait_until_ready()
        except (OSError, EOFError) as error:
            self._end(decoder)
            raise RuntimeError(f"a decoder process does not start: {error}") from error
        return decoder

    def _end(self, decoder: "_Decoder") -> None:
        with self._lock:
            self._running.discard(decoder)
        decoder.end()


def _cause(error: Exception, decoder: "_Decoder | None", deadline_s: float) -> DecoderKilled:
    if isinstance(error, TimeoutError):
        return DecoderKilled("too_slow", f"decoding it took longer than {deadline_s:g} s")
    code = None if decoder is None else decoder.process.returncode
    return DecoderKilled("crashed_worker", f"the process that decoded it died of it (exit code {code})")


class _Decoder:
    """One decoder process and the socket to it."""

    def __init__(self) -> None:
        self._encoded: tuple[Preprocessing, DecodeLimits, bytes] | None = None
        self._channel, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
                [sys.executable, "-P", "-m", "model.images.decoder_process", str(theirs.fileno())],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,  # Ctrl-C is for the command, which ends its decoders itself
            )

    def wait_until_ready(self) -> None:
        self._answer(0, time.monotonic() + _START_S)

    def prepare(
        self, data: bytes, spec: Preprocessing, limits: DecodeLimits, deadline_s: float
    ) -> npt.NDArray[np.uint8]:
        job, shape = self._job(spec, limits), (spec.size, spec.size, spec.channels)
        ends_at = time.monotonic() + deadline_s
        self._channel.settimeout(deadline_s)
        self._send(REQUEST.pack(len(job), len(data), int(deadline_s) + 1) + job, data)
        kind, body = self._answer(max(math.prod(shape), _LONGEST_REASON), ends_at)
        if kind == PIXELS and len(body) == math.prod(shape):
            return np.frombuffer(body, np.uint8).reshape(shape)
        if kind == PIXELS or len(body) > _LONGEST_REASON:
            raise ValueError("the decoder answered nonsense")
        answer = json.loads(bytes(body))
        if kind == FAILED:
            raise RuntimeError(answer)
        raise ImageRejected(*map(str, answer))

    def _job(self, spec: Preprocessing, limits: DecodeLimits) -> bytes:
        """Encode the recipe and the limits, once for all images of a bundle."""
        if self._encoded is None or self._encoded[:2] != (spec, limits):
            self._encoded = spec, limits, json.dumps([spec.as_json(), astuple(limits)]).encode()
        return self._encoded[2]

    def end(self) -> None:
        """Kill the process and wait for its end."""
        self.process.kill()
        self.process.wait()
        self._channel.close()

    def _send(self, head: bytes, data: bytes) -> None:
        """Send both, by one system call where they fit."""
        sent = self._channel.sendmsg([head, data])
        if sent < len(head) + len(data):
            self._channel.sendall(head[sent:])
            self._channel.sendall(memoryview(data)[max(0, sent - len(head)) :])

    def _answer(self, most: int, ends_at: float) -> tuple[int, memoryview]:
        """Receive a kind and a body of `most` bytes at most, by one system call where they have come."""
        view, filled, kind, wanted = memoryview(bytearray(ANSWER.size + most)), 0, -1, ANSWER.size
        while filled < wanted:
            self._channel.settimeout(max(0.001, ends_at - time.monotonic()))
            count = self._channel.recv_into(view[filled:])
            if not count:
                raise EOFError("it closed the connection")
            filled += count
            if filled >= ANSWER.size:
                kind, size = ANSWER.unpack_from(view)
                wanted = ANSWER.size + size
                if size > most:
                    raise ValueError("the decoder answered nonsense")
        return kind, view[ANSWER.size : wanted]


def _environment() -> dict[str, str]:
    """Hand on where modules are found and nothing secret: no TAGGER_*, no AWS_*, no address."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path)}  # noqa: PTH100
