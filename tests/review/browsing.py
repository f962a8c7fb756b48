"""A real browser and a server for it, where tests look at pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from playwright.sync_api import Page, Request, expect

from review.server import listen
from tests.review.clients import Review

expect.set_options(timeout=60_000)  # nobody knows how slow a machine is


@contextmanager
def serving(review: Review) -> Iterator[str]:
    """Serve an application on a port of this machine; gives its address."""
    listening = listen("127.0.0.1", 0)
    app = review.client.app
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))  # type: ignore[arg-type]
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
    while what() != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert what() == wanted


def unanswered(page: Page) -> set[Request]:
    """Return the requests of a page that have no answer yet, from now on."""
    asked: set[Request] = set()

    def begin(request: Request) -> None:
        asked.add(request)

    def end(request: Request) -> None:
        asked.discard(request)

    page.on("request", begin)
    page.on("requestfinished", end)
    page.on("requestfailed", end)
    return asked
