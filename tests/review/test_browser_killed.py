"""A server that is killed over a decision: it is saved once, and the page says so."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import Engine

from stack.chromium import CHROMIUM
from stack.processes import Child, free_ports, spawn, wait_until
from stack.topology import TAGGER, environment_without_tagger
from tests.review.clients import Review
from tests.review.test_browser import browser, decided, opened

__all__ = ["browser", "opened"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")


class Server:
    """`tagger review` on a catalogue, which is started on the same port again."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.port, self._folder = free_ports(1)[0], folder
        self._url = engine.url.render_as_string(hide_password=False)
        self.child = self.start()

    def start(self) -> Child:
        """Start it, and return when it answers."""
        command = [TAGGER, "review", "--port", str(self.port)]
        environment = environment_without_tagger() | {"TAGGER_DATABASE_URL": self._url, "TAGGER_PROBE_SHARE": "0"}
        self.child = spawn(command, self._folder / "review.log", env=environment, cwd=self._folder)
        wait_until(self._answers, "the review", 120, 0.1)
        return self.child

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@pytest.fixture
def server(review: Review, sqlite_engine: Engine, tmp_path: Path) -> Iterator[Server]:
    running = Server(sqlite_engine, tmp_path)
    yield running
    running.child.kill()


@pytest.fixture
def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


def test_decisions_over_which_the_server_is_killed_are_saved_once_and_the_page_says_so(
    review: Review, server: Server, opened: Callable[..., Page]
) -> None:
    page = opened("/screen?mode=single")
    photograph, notices = page.locator("figcaption"), page.locator("#notices")
    expect(photograph).to_have_text("0001.png")

    def saved_and_never_answered(route: Route) -> None:
        answer = route.fetch(headers={**route.request.headers, "Sec-Fetch-Site": "same-origin"})
        assert answer.json()["recorded"] == 1
        server.child.kill()
        route.abort()

    page.route("**/api/v1/decisions", saved_and_never_answered, times=1)
    page.keyboard.press("Enter")
    expect(notices).to_contain_text("1 decision is kept here")
    assert len(decided(review)) == 1
    server.start()
    expect(notices).to_be_empty()
    expect(page.locator("#live")).to_have_text("Everything is saved.")

    server.child.process.send_signal(signal.SIGSTOP)
    with page.expect_request("**/api/v1/decisions"):
        page.keyboard.press("x")
    server.child.kill()  # what it was sent is never read
    expect(notices).to_contain_text("1 decision is kept here")
    assert len(decided(review)) == 1
    server.start()
    expect(notices).to_be_empty()

    expect(photograph).to_have_text("0003.png")
    assert decided(review) == [("category", review.tag(review.ids[0])[0]), ("not_ours", None)]
    assert review.catalogue.value("SELECT count(*) FROM tag_event WHERE actor = 'person:a-reviewer'") == 2
    assert review.catalogue.violations() == []
