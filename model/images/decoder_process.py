"""PROCESS: decodes and prepares photographs that another hands over; it holds no credential and no connection.

Started by model.images.decoder_pool. A request is two lengths and a deadline, the recipe with the limits as JSON, and a
file's bytes; an answer is a kind, a length, and the pixels or, as JSON, why there are none. Whatever happens to this
process, by a bomb or by a hole in a decoder, happens to one image: memory and time are limited, and it can be killed.
"""

import json
import resource
import socket
import struct
import sys
import time
from functools import lru_cache
from pathlib import Path

from PIL import Image

from model.images import garments, squares  # noqa: F401 -- loaded before memory is limited
from model.images.decoding import DecodeHints, DecodeLimits, ImageRejected, decode
from model.images.formats import heif, tiff  # noqa: F401 -- as those above
from model.images.memory import MOST
from model.images.preprocessing import Preprocessing, preprocess

MEMORY = MOST + 4_000_000
"""Bytes of address space beyond what is mapped at the start."""
_SLACK_S = 5
"""So much later than it must may a decoder be ended, so that its limit is not moved for each image."""
REQUEST, ANSWER = struct.Struct("!III"), struct.Struct("!BI")
PIXELS, REJECTED, FAILED = range(3)


def main(descriptor: int) -> None:
    """Answer requests until the other side closes the socket."""
    with socket.socket(fileno=descriptor) as channel:
        _confine()
        channel.sendall(ANSWER.pack(PIXELS, 0))  # ready
        limit_s = 0.0
        while len(head := _received(channel, REQUEST.size)) == REQUEST.size:
            job_size, data_size, seconds = REQUEST.unpack(head)
            if limit_s < time.process_time() + seconds:
                limit_s = _limit_time(seconds + _SLACK_S)
            job, files = _received(channel, job_size), [_received(channel, data_size)]
            kind, body = _answer(job, files)
            channel.sendall(ANSWER.pack(kind, len(body)) + body)


def _confine() -> None:
    """Limit what this process may take; what is short of memory anyway kills it before any other."""
    Image.core.set_use_block_allocator(1)  # type: ignore[attr-defined]  # each image in one piece
    _lower(resource.RLIMIT_CORE, 0)
    if Path("/proc/self/statm").exists():
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + MEMORY)
        Path("/proc/self/oom_score_adj").write_text("1000")


def _lower(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _limit_time(seconds: int) -> int:
    """End this process by SIGXCPU if it computes for so long and nobody is left to kill it; return the limit."""
    limit_s = int(time.process_time()) + seconds + 1
    _lower(resource.RLIMIT_CPU, limit_s)
    return limit_s


def _received(channel: socket.socket, size: int) -> bytes:
    """Read so many bytes; fewer if the other side has closed."""
    return channel.recv(size, socket.MSG_WAITALL)


def _answer(job: bytes, files: list[bytes]) -> tuple[int, bytes]:
    """Prepare the one file in a list; it is taken out, so that its memory is free once it is decoded."""
    try:
        spec, hints, limits = _parsed(job)
        return PIXELS, preprocess(decode(files.pop(), hints, limits=limits), spec).tobytes()
    except ImageRejected as error:
        return REJECTED, json.dumps([error.reason, error.detail]).encode()
    except MemoryError:
        return REJECTED, json.dumps(["too_many_pixels", "preparing it takes too much memory"]).encode()
    except Exception as error:  # noqa: BLE001 -- told to the process that asked, which logs it
        return FAILED, json.dumps(f"{type(error).__name__}: {error}").encode()


@lru_cache(maxsize=8)
def _parsed(job: bytes) -> tuple[Preprocessing, DecodeHints, DecodeLimits]:
    recipe, limits = json.loads(job)
    spec = Preprocessing(**recipe)
    return spec, spec.hints, DecodeLimits(*limits)


if __name__ == "__main__":
    main(int(sys.argv[1]))
