"""The oracle reviewer, who knows every image: what he decides is what is kept, and it costs him few actions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from stack.chromium import CHROMIUM
from tests.review.browsing import until
from tests.review.clients import Review
from tests.review.conftest import a_review
from tests.review.test_browser import address, browser, opened
from tests.review.test_browser_care import CLOCK

__all__ = ["address", "browser", "opened"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")
IMAGES = 96
KEY_S, POINTING_S, SCREEN_S, LOOKING_S = 0.2, 1.1, 1.35, 0.225
"""What a person takes for a key, to point, to begin with a screen, and to look at a cell."""
ANOTHER = (
    "(old) => [...document.querySelectorAll('figcaption')].map((one) => one.textContent).find((one) => one !== old)"
)
"""The image that is shown, once it is another one: a slow machine claims a screen for longer than a key takes."""
FINAL = "SELECT category FROM image_tag WHERE source = 'human' ORDER BY object_id"


@pytest.fixture
def review(sqlite_engine: Engine, tmp_path: Path, password_hash: str) -> Iterator[Review]:
    """Serve some screens of images, of which the model says that they are all of one category."""
    yield from a_review(sqlite_engine, tmp_path, password_hash, images=IMAGES)


def truth_of(review: Review, *, one_in: int) -> list[str]:
    """Return the category of each image: one in so many is the model's second choice, the others its first."""
    first, second = review.client.app.state.parts.categories.names()[:2]  # type: ignore[attr-defined]
    return [second if place % one_in == one_in - 1 else first for place in range(IMAGES)]


def final(review: Review) -> list[str]:
    return [row[0] for row in review.catalogue.sql(FINAL)]


def test_twenty_keys_a_second_are_kept_one_by_one_in_their_order(review: Review, opened: Callable[..., Page]) -> None:
    truth = truth_of(review, one_in=3)
    page = opened("/screen?mode=single")
    shown, began = "", time.monotonic()

    for place, category in enumerate(truth):
        shown = page.wait_for_function(ANOTHER, arg=shown).json_value()
        assert shown == f"{place + 1:04}.png"
        page.keyboard.press("Enter" if category == truth[0] else "Shift+Enter")
        time.sleep(max(0.0, began + (place + 1) / 20 - time.monotonic()))

    until(lambda: len(final(review)), IMAGES)
    print(f"{60 * IMAGES / (time.monotonic() - began):.0f} decisions a minute, commits included")
    assert final(review) == truth  # a key an image, whose place tells which
    assert review.catalogue.value("SELECT count(*) FROM decision") == IMAGES
    assert review.catalogue.violations() == []


@pytest.mark.parametrize(("one_in", "most_s"), [(50, 0.33), (10, 0.46)], ids=["2 % wrong", "10 % wrong"])
def test_a_sweep_takes_few_actions(review: Review, opened: Callable[..., Page], one_in: int, most_s: float) -> None:
    truth, wrong = truth_of(review, one_in=one_in), 0
    ids = {image: category for image, category in zip(review.ids, truth, strict=True) if category != truth[0]}
    page = opened("/account")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.add_init_script(CLOCK)
    page.goto("/screen?mode=sweep&limit=48")
    screens = 0
    while len(final(review)) < IMAGES:
        settled = len(final(review))
        expect(page.locator("#settle")).to_be_visible()
        shown = page.locator(".cell img").evaluate_all("images => images.map(image => image.src)")
        for place, source in enumerate(shown):
            if int(source.split("/images/")[1].split("/")[0]) in ids:
                page.locator(".cell").nth(place).click()
                wrong += 1
        page.evaluate("window.passed += 10000")
        page.keyboard.press("Enter")
        screens += 1
        until(lambda before=settled: len(final(review)) > before, True)  # type: ignore[misc]

    actions = (wrong + screens) / IMAGES
    modelled_s = LOOKING_S + (wrong * (POINTING_S + KEY_S) + screens * (SCREEN_S + KEY_S)) / IMAGES
    print(f"{screens} screens, {actions:.3f} actions and {modelled_s:.3f} modelled seconds an image")
    assert final(review) == truth
    assert wrong == len(ids)
    assert actions <= 0.25
    assert modelled_s <= most_s
