"""A TCP proxy that cuts answers short, as a network does to a client, or stands for a server that is away.

with Proxy(server_port) as proxy:
    connect to 127.0.0.1:proxy.port
    proxy.cut_after = 10_000     bytes from the server, then that connection is closed
    proxy.away = True            all connections are reset, and so are new ones
"""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

_PIECE = 65536


class Proxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target`; `cut_after` may be changed at any time."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.cut_after: int | None = None
        self._away = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._listener.close()
        self._reset_all()

    @property
    def away(self) -> bool:
        """Whether every connection is reset."""
        return self._away

    @away.setter
    def away(self, away: bool) -> None:
        self._away = away
        if away:
            self._reset_all()

    def _reset_all(self) -> None:
        with self._lock:
            doomed, self._open = self._open, set()
        for connection in doomed:
            _reset(connection)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            if self._away:
                _reset(client)
            else:
                self._join(client)

    def _join(self, client: socket.socket) -> None:
        client.settimeout(None)
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        for source, target in ((client, server), (server, client)):
            limited = source is server
            threading.Thread(target=self._pump, args=(source, target, limited), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, limited: bool) -> None:
        passed = 0
        with suppress(OSError):  # the other end, or __exit__, closed it
            while piece := source.recv(_PIECE):
                passed += len(piece)
                if limited and self.cut_after is not None and passed > self.cut_after:
                    target.sendall(piece[: max(0, len(piece) - (passed - self.cut_after))])
                    break
                target.sendall(piece)
        self._drop(source, target)

    def _drop(self, *connections: socket.socket) -> None:
        with self._lock:
            self._open -= set(connections)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def _reset(connection: socket.socket) -> None:
    """Close with RST, so that the other end sees an error and not an orderly end."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)  # wakes our own reader; SHUT_WR would send an orderly FIN
    connection.close()
