"""A dashboard whose news stop says so, one that nobody looks at is still; a plan tells how far its comparison is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from review.board.comparisons import Progress
from review.pages import dashboard
from stack.chromium import CHROMIUM
from tests.review.browsing import until
from tests.review.clients import Review
from tests.review.test_browser import address, browser, opened
from tests.review.test_comparing import compared

__all__ = ["address", "browser", "opened"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")
SECOND_MS = 1000
STREAMS = """
window.streams = [];
const Source = window.EventSource;
window.EventSource = class extends Source { constructor(path) { super(path); window.streams.push(this); } };
Object.defineProperty(document, "hidden", { get: () => Boolean(window.isAway) });
window.turn = (away) => { window.isAway = away; document.dispatchEvent(new Event("visibilitychange")); };
"""
"""The streams of a page, and a tab that a test turns away from."""
OPEN = "window.streams.filter((stream) => stream.readyState !== EventSource.CLOSED).length"


@pytest.fixture
def board(review: Review, opened: Callable[..., Page], monkeypatch: pytest.MonkeyPatch) -> Page:
    """Open a dashboard that is live, whose clock goes on where a test says so."""
    monkeypatch.setattr(dashboard, "EVERY_S", 0.05)
    stream(review, goes_on=True)
    page = opened("/account")
    page.clock.install()
    page.add_init_script(STREAMS)
    page.goto("/dashboard")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    return page


def stream(review: Review, *, goes_on: bool) -> None:
    review.client.app.state.parts.stopping = lambda: not goes_on  # type: ignore[attr-defined]


def test_a_dashboard_whose_news_stop_says_so_and_is_live_again_when_they_come(review: Review, board: Page) -> None:
    live = board.locator("#live")

    stream(review, goes_on=False)
    until(lambda: board.evaluate("window.streams[0].readyState"), 0)  # it connects anew, and hears nothing
    board.clock.run_for(16 * SECOND_MS)
    expect(live).to_have_attribute("data-state", "stale")
    expect(live).to_contain_text("Not live since")
    stream(review, goes_on=True)
    expect(live).to_have_attribute("data-state", "live")

    board.route("**/dashboard/events", lambda route: route.fulfill(status=503), times=1)
    stream(review, goes_on=False)
    expect(live).to_have_attribute("data-state", "stale")  # refused: the browser gives up
    stream(review, goes_on=True)
    board.clock.run_for(16 * SECOND_MS)
    expect(live).to_have_attribute("data-state", "live")


def test_a_dashboard_that_nobody_looks_at_is_still(board: Page) -> None:
    asked: list[str] = []
    board.on("request", lambda request: asked.append(request.url))
    said = board.locator("#live").text_content()

    board.evaluate("window.turn(true)")
    board.clock.run_for(120 * SECOND_MS)

    assert board.evaluate(OPEN) == 0
    assert asked == []
    assert board.locator("#live").text_content() == said
    board.evaluate("window.turn(false)")
    until(lambda: board.evaluate(OPEN), 1)
    assert [url.rsplit("/", 2)[1:] for url in asked] == [["dashboard", "events"]]


def test_a_plan_tells_how_far_its_comparison_is_and_then_what_changes(
    review: Review, opened: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = review.ask("POST", "plans", role="operator", json={"everything": True, "compare": True}).json()["plan"]
    compared(review, plan)
    progress: Progress | None = Progress(of=500, done=7)
    monkeypatch.setattr(review.client.app.state.parts.comparisons, "of", lambda _: progress)  # type: ignore[attr-defined]

    page = opened(f"/plans/{plan}")
    section = page.locator("#comparison")
    expect(section).to_contain_text("7 of 500 images are compared")
    progress = Progress(of=500, done=8)
    expect(section).to_contain_text("8 of 500 images are compared")
    progress = None

    expect(section.locator("table")).to_contain_text("→")
    expect(page.locator("#live")).to_contain_text("keep their category")
