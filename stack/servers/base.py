"""Base class of the servers."""

import signal
from pathlib import Path
from typing import Self

from stack.processes import Child, spawn, wait_until


class Server:
    """Server in a folder and on a port of its own, which it keeps over restarts."""

    name = "server"
    last_wish = signal.SIGTERM
    user: int | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / f"{self.name}.log"
        self.child: Child | None = None

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and return when it answers; raise with its log when it does not within 30 s."""
        self.child = spawn(self.command(), self.log, cwd=self.folder, user=self.user, last_wish=self.last_wish)
        try:
            wait_until(lambda: self._dead() or self.ready(), f"{self.name} to answer", 30)
        except TimeoutError as error:
            self.child.kill()
            raise TimeoutError(f"{error}\n{self.child.tail()}") from None
        if self._dead():
            raise RuntimeError(f"{self.name} ended as it started\n{self.child.tail()}")

    def stop(self) -> None:
        """Stop it cleanly."""
        if self.child:
            self.child.stop()

    def kill(self) -> None:
        """Kill it with SIGKILL: everything that was only in memory is lost."""
        if self.child:
            self.child.kill()

    def restart(self) -> None:
        """Kill it with SIGKILL and start it again on the same port and folder."""
        self.kill()
        self.start()

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.pid

    def _dead(self) -> bool:
        return self.child is None or not self.child.alive
