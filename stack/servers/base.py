"""What every server here can do."""

import signal
from pathlib import Path
from typing import Self

from stack.processes import Child, spawn, wait_until


class Server:
    """A server in its own folder and on its own port, which it keeps over restarts."""

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
        """Returns when it answers; shows its log when it does not within 30 s."""
        self.child = spawn(
            self.command(),
            self.log,
            cwd=self.folder,
            user=self.user,
            last_wish=self.last_wish,
        )
        try:
            wait_until(lambda: self._dead() or self.ready(), f"{self.name} to answer", 30)
        except TimeoutError as error:
            self.child.kill()
            raise TimeoutError(f"{error}\n{self.child.tail()}") from None
        if self._dead():
            raise RuntimeError(f"{self.name} ended as it started\n{self.child.tail()}")

    def stop(self) -> None:
        """A clean end."""
        if self.child:
            self.child.stop()

    def kill(self) -> None:
        """kill -9; everything that was only in memory is lost."""
        if self.child:
            self.child.kill()

    def restart(self) -> None:
        """kill -9, then started again on the same port and folder."""
        self.kill()
        self.start()

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.pid

    def _dead(self) -> bool:
        return self.child is None or not self.child.alive
