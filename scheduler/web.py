"""Small HTTP servers of a scheduler, each in a thread of its own."""

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from worker.settings import BadSettings

CLIENT_S = 10.0
"""So long a client may keep a thread waiting."""
CLIENTS = 64


class _Server(ThreadingMixIn, WSGIServer):
    """A request that hangs holds up no other; too many at once are turned away."""

    daemon_threads = True
    request_queue_size = CLIENTS

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._places = threading.BoundedSemaphore(CLIENTS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


class _Quiet(WSGIRequestHandler):
    timeout = CLIENT_S

    def log_message(self, *_: Any) -> None:
        """Log nothing of each request."""


def serve(application: Callable[..., Iterable[bytes]], port: int, *, name: str, setting: str) -> WSGIServer:
    """Serve on all addresses until `shutdown`. Raises BadSettings, which names the setting, for a port in use."""
    try:
        server = make_server("", port, application, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        raise BadSettings(f"{setting}: {port} cannot be used ({error.strerror})") from None
    threading.Thread(target=server.serve_forever, name=name, daemon=True).start()
    return server
