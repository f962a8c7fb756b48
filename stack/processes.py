"""Child processes that never outlive this one, free ports, and waits with a time limit.

`PR_SET_PDEATHSIG` would be simpler, but it fires when the *thread* that started the child ends, and fault tests
restart servers from threads. Instead, a small guard process reads a pipe from this one. When the pipe closes, for
whatever reason, the guard stops the children still registered and removes the folders.
"""

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_GUARD = """
import os, shutil, sys, time
watched, paths = {}, set()
for line in sys.stdin:
    verb, what = line.rstrip("\\n").split(" ", 1)
    if verb == "watch":
        pid, number = what.split()
        watched[int(pid)] = int(number)
    elif verb == "forget":
        watched.pop(int(what), None)
    else:
        (paths.add if verb == "path" else paths.discard)(what)
for pid, number in watched.items():
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        pass
time.sleep(0.5)
for pid in watched:
    try:
        os.killpg(pid, 9)
    except ProcessLookupError:
        pass
for path in paths:
    if os.path.isdir(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.unlink(path)
"""
_LOWEST_PORT, _HIGHEST_PORT = 10_100, 20_100  # with 10,000 more still below Linux's range for clients
_GRPC_OFFSET = 10_000


class _Guard:
    """Pipe to the guard of this process, which is started with the first child."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0

    def tell(self, line: str) -> None:
        if self._process is None or self._owner != os.getpid():
            self._owner = os.getpid()
            command = [sys.executable, "-I", "-S", "-c", _GUARD]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
            atexit.register(self._close, self._process, self._owner)
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    @staticmethod
    def _close(process: subprocess.Popen[str], owner: int) -> None:
        if owner == os.getpid() and process.stdin is not None:
            process.stdin.close()
            process.wait(timeout=10)


_guard = _Guard()


@dataclass
class Child:
    """Child process in a group of its own, its output in a file. `last_wish` is the signal that stops it cleanly."""

    process: subprocess.Popen[bytes]
    log: Path
    last_wish: signal.Signals = signal.SIGTERM

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self, timeout_s: float = 20) -> int:
        """Ask it to end, kill its group after `timeout_s`; return the exit status."""
        if self.alive:
            self.process.send_signal(self.last_wish)
        try:
            return self._ended(timeout_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Kill the whole group at once; return the exit status."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._ended(10)

    def wait(self, timeout_s: float) -> int:
        """Return its exit status; raise with its log when it takes longer."""
        try:
            return self._ended(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"pid {self.pid} still runs after {timeout_s} s\n{self.tail()}") from None

    def tail(self, characters: int = 4000) -> str:
        """Return the end of its output."""
        return self.log.read_text(errors="replace")[-characters:]

    def _ended(self, timeout_s: float) -> int:
        status = self.process.wait(timeout_s)
        _guard.tell(f"forget {self.pid}")
        return status


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: int | None = None,
    last_wish: signal.Signals = signal.SIGTERM,
    popen: type[subprocess.Popen[bytes]] = subprocess.Popen,
) -> Child:
    """Start `command` in a process group of its own, appending both outputs to `log`.

    `env` is added to this process's environment, `user` is a numeric id to run as, `popen` makes the process. The
    child ends when this process does, even by SIGKILL.
    """
    with log.open("ab") as output:
        process = popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            user=user,
            start_new_session=True,
        )
    _guard.tell(f"watch {process.pid} {int(last_wish)}")
    return Child(process, log, last_wish)


@contextmanager
def temporary_folder(name: str, *, open_to_all: bool = False) -> Iterator[Path]:
    """Yield a folder that goes away with this block or, at the latest, with this process.

    `open_to_all`: every user may enter it, wherever TMPDIR lies.
    """
    parent = _folder_open_to_all() if open_to_all else None
    folder = Path(tempfile.mkdtemp(prefix=f"tagger-{name}-", dir=parent))
    if open_to_all:
        folder.chmod(0o755)
    remove_at_the_end(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _guard.tell(f"done {folder}")


def _folder_open_to_all() -> Path:
    for folder in (Path(name).resolve() for name in (tempfile.gettempdir(), "/tmp", "/var/tmp")):
        if folder.is_dir() and all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents)):
            return folder
    raise RuntimeError("no temporary folder can be entered by every user: set TMPDIR to one that can")


def remove_at_the_end(path: Path) -> None:
    """Have the guard remove this file or folder when this process has ended."""
    _guard.tell(f"path {path}")


def free_ports(count: int) -> list[int]:
    """Return ports on which, and 10,000 above which (SeaweedFS's gRPC), nobody listens.

    They are this process's until it ends: it holds the UDP ports of the same numbers, so that no other process that
    asks here gets one before its server listens, or while that restarts.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(_LOWEST_PORT, _HIGHEST_PORT)
        if _reserve(port) and _is_free(port) and _is_free(port + _GRPC_OFFSET):
            ports.append(port)
    return ports


def _reserve(port: int) -> bool:
    holder = socket.socket(type=socket.SOCK_DGRAM)
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        holder.close()
        return False
    atexit.register(holder.close)  # which also keeps it open until then
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 20, every_s: float = 0.02) -> None:
    """Return once `condition()` is true; raise TimeoutError naming `what` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s} s")
        time.sleep(every_s)
