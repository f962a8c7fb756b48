"""A real browser and a server for it, where tests look at pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from playwright.sync_api import expect

from review.server import listen
from tests.review.clients import Review

expect.set_options(timeout=60_000)  # nobody knows how slow a machine is


class Busy:
    """An application that knows at how many requests it is. A browser does not always tell of those a page has left."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.requests = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.requests -= 1


@contextmanager
def serving(review: Review, busy: Busy | None = None) -> Iterator[str]:
    """Serve an application on a port of this machine; gives its address."""
    listening = listen("127.0.0.1", 0)
    app: Any = busy or review.client.app
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


def until(what: Callable[[], object], wanted: object) -> None:
    """Wait until something is as wanted."""
    deadline = time.monotonic() + 60
    while (found := what()) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == wanted
