"""`tagger` commands that begin in milliseconds: forked, where `subprocess` would start an interpreter and import."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T", str, bytes)
TAGGER = Path(sys.executable).with_name("tagger")
SERVER = Path(__file__).with_name("fork_server.py")
FIXED_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")
"""Prefixes of variables that an interpreter reads when it starts, which a forked one never does."""


class _Server:
    """The fork server of this process, started with its first command."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._requests: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}

    def fork(self, request: Mapping[str, object], streams: Sequence[int]) -> tuple[int, socket.socket]:
        """Return the pid of a new command, and the socket on which its exit status comes."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with self._lock, theirs:
            assert self._requests is not None
            socket.send_fds(self._requests, [json.dumps(request).encode()], [*streams, theirs.fileno()])
        verb, _, pid = ours.recv(100).partition(b" ")
        if verb != b"begun":
            raise RuntimeError("the fork server of the tests or a command of it ended: see standard error")
        return int(pid), ours

    def start(self) -> None:
        """Start it, unless this process has."""
        with self._lock:
            if self._owner != os.getpid():
                self._start()

    def differs(self, environment: Mapping[str, str]) -> list[str]:
        """Return the variables that interpreters read when they start and that this one read otherwise."""
        names = {name for name in {*environment, *self.environment} if name.startswith(FIXED_AT_START)}
        return sorted(name for name in names if environment.get(name) != self.environment.get(name))

    def _start(self) -> None:
        self._owner = os.getpid()
        self.environment = dict(os.environ)
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, SERVER, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1"},  # else numpy's library starts threads, which no fork has
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self._stop, self.process, self._requests, self._owner)

    @staticmethod
    def _stop(process: subprocess.Popen[bytes], requests: socket.socket, owner: int) -> None:
        if owner == os.getpid():
            requests.close()
            process.wait(timeout=10)


server = _Server()


class Forked(subprocess.Popen[Any]):
    """A `Popen` of a `tagger` command, whose process the fork server makes and waits for.

    It overrides the three methods of `Popen` that make a process and wait for it; pipes, time limits and signals are
    its own. What an interpreter reads before it runs, `FIXED_AT_START`, cannot be changed here.
    """

    _status: socket.socket
    _asking: threading.Lock

    def _execute_child(
        self,
        args: Sequence[str | Path],
        executable: object,
        preexec_fn: object,
        close_fds: object,
        pass_fds: Sequence[int],
        cwd: str | Path | None,
        env: Mapping[str, str] | None,
        startupinfo: object,
        creationflags: object,
        shell: bool,
        p2cread: int,
        p2cwrite: int,
        c2pread: int,
        c2pwrite: int,
        errread: int,
        errwrite: int,
        restore_signals: object,
        gid: object,
        gids: object,
        uid: object,
        umask: object,
        start_new_session: bool,
        process_group: object,
    ) -> None:
        arguments = [str(part) for part in args]
        environment = dict(os.environ if env is None else env)
        if arguments[0] != str(TAGGER) or preexec_fn or pass_fds or shell or uid is not None:
            raise ValueError(f"only a `tagger` command of this user can be forked, not {arguments}")
        server.start()
        if different := server.differs(environment):
            raise ValueError(f"{different} are read when an interpreter starts: use subprocess.Popen")
        request = {
            "arguments": arguments,
            "environment": environment,
            "folder": str(cwd or Path.cwd()),
            "new_session": start_new_session,
        }
        streams = [stream if stream >= 0 else number for number, stream in enumerate((p2cread, c2pwrite, errwrite))]
        self._asking = threading.Lock()
        self.pid, self._status = server.fork(request, streams)
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        if self._asking.acquire(blocking=False):  # else another thread waits, and so it runs
            try:
                self._ask(0)
            finally:
                self._asking.release()
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        with self._asking:
            self._ask(timeout)
        if self.returncode is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def _ask(self, timeout: float | None) -> None:
        if self.returncode is not None:
            return
        answer = select.poll()
        answer.register(self._status, select.POLLIN)
        if answer.poll(None if timeout is None else max(0, timeout) * 1000):
            _, _, status = self._status.recv(100).partition(b" ")
            self._status.close()
            self.returncode = int(status) if status else -signal.SIGKILL  # the server itself was killed


def ended(process: subprocess.Popen[T], timeout_s: float = 240) -> subprocess.CompletedProcess[T]:
    """Return what a command came to, as `subprocess.run` does."""
    with process:
        try:
            output, errors = process.communicate(timeout=timeout_s)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
