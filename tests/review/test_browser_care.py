"""The careless reviewer, who presses Enter and nothing else, is warned within three screens; the careful one is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from stack.chromium import CHROMIUM
from tests.review.clients import Review
from tests.review.conftest import a_review
from tests.review.test_browser import address, browser, opened
from tests.review.test_truth import settle

__all__ = ["address", "browser", "opened"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")
PROBES = "SELECT object_id FROM probe WHERE key IS NULL"
RECORDED = "SELECT (SELECT count(*) FROM decision) + (SELECT count(*) FROM probe WHERE key IS NOT NULL)"
CLOCK = "window.passed = 0; performance.now = () => window.passed;"
"""Time goes on only where a test says so, as nobody knows how slow a machine is."""


@pytest.fixture
def review(sqlite_engine: Engine, tmp_path: Path, password_hash: str) -> Iterator[Review]:
    """Serve enough images for some screens."""
    yield from a_review(sqlite_engine, tmp_path, password_hash, images=48)


def swept(review: Review, page: Page, *, slowly: bool, careful: bool) -> bool:
    """Settle a screen; whether there was a warning."""
    before = review.catalogue.value(RECORDED)
    expect(page.locator("#settle")).to_be_visible()
    if slowly:
        page.evaluate("window.passed += 5000")
    for (image,) in review.catalogue.sql(PROBES) if careful else []:
        cell = page.locator(f".cell:has(img[src*='/images/{image}/'])")
        if cell.count():
            cell.click()
    if not slowly:
        page.keyboard.press("Enter")
        expect(page.locator("[data-kind=hurry]")).to_be_visible()
        assert review.catalogue.value(RECORDED) == before  # it was only asked
    with page.expect_response("**/api/v1/decisions") as answer:
        page.keyboard.press("Enter")
    assert review.catalogue.value(RECORDED) > before
    warned = bool(answer.value.json().get("careless"))
    if warned:
        expect(page.locator("[data-kind=careless]")).to_be_visible()
    return warned


@pytest.mark.parametrize(
    ("probe_share", "slowly", "careful", "warned"),
    [(0.0, False, False, True), (0.2, True, False, True), (0.2, True, True, False), (0.0, True, False, False)],
    ids=["hurried", "misses checks", "finds checks", "slow without checks"],
)
def test_who_only_presses_enter_is_warned_within_three_screens(
    review: Review, opened: Callable[..., Page], probe_share: float, slowly: bool, careful: bool, warned: bool
) -> None:
    settle(review, *review.ids[:12])
    review.client.app.state.parts.settings.probe_share = probe_share  # type: ignore[attr-defined]
    page = opened("/account")
    page.set_viewport_size({"width": 500, "height": 800})
    page.add_init_script(CLOCK)
    page.goto(f"/screen?mode=sweep&category={review.tag(review.ids[20])[0]}")

    told = [swept(review, page, slowly=slowly, careful=careful) for _ in range(3)]

    assert any(told) == warned
    assert review.catalogue.violations() == []
