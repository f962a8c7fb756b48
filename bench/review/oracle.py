"""The oracle reviewer in a real browser: every image as he knows it, in few actions, quickly, and nothing twice."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from statistics import quantiles
from typing import Any

from playwright.sync_api import Browser
from sqlalchemy import text

from bench.review.browser import CELLS, another, chromium, log_of, open_page, settle, slow_down
from bench.review.desk import Desk, open_desk
from stack.processes import wait_until

IMAGES, KEYS_A_SECOND, SECONDS = 1_000, 20, 60
KEY_S, POINTING_S, SCREEN_S, CELL_S = 0.2, 1.1, 1.35, 0.225
"""What a person takes for a key, to point, to think at a screen, and to look at a cell."""
SINGLE_SCREEN, LATENCY_MS, SCREENS = 12, 50, 6
SECOND = {"Shirt": "T-shirt/top", "T-shirt/top": "Shirt", "Sandal": "Sneaker"} | dict.fromkeys(
    ("Bag", "Coat", "Trouser", "Pullover"), "Dress"
)
"""What the model holds for the second best, by the category that it says."""
LIMITS: Mapping[str, Mapping[str, float]] = {
    "single": {"actions": 1.05, "modelled_s": 1.0, "paint_ms": 50},
    "sweep_2": {"modelled_s": 0.33},
    "sweep_10": {"modelled_s": 0.46, "actions": 0.25},
    "pair_31": {"modelled_s": 0.75},
    "latency": {"next_screen_ms": 100},
}
LEAST: Mapping[str, float] = {"single": 600, "sweep_2": 1500, "sweep_10": 1500}
"""Decisions a minute, commits included."""
_HUMAN = "SELECT object_id, category FROM image_tag WHERE source = 'human' AND object_id = ANY(:ids)"
_MADE = "SELECT count(*) FROM decision WHERE object_id = ANY(:ids)"


def measure(images: int = IMAGES, seconds: int = SECONDS) -> dict[str, Any]:
    """Settle so many images in each kind of grid, and single ones by twenty keys a second for so long."""
    counts = {"Sandal": KEYS_A_SECOND * seconds, "Bag": images, "Coat": images, "Shirt": images // 2}
    counts |= {"T-shirt/top": images // 2, "Trouser": SCREENS * CELLS, "Pullover": images // 2}
    with open_desk(sum(counts.values()) * 501 // 500 + 1) as desk, chromium() as browser:
        ids = _divided(desk, counts)
        pair = _truth(ids["Shirt"], "Shirt", 31) | _truth(ids["T-shirt/top"], "T-shirt/top", 31)
        passes: dict[str, Callable[[], dict[str, Any]]] = {
            "single": lambda: _single(browser, desk, _truth(ids["Sandal"], "Sandal", 31)),
            "sweep_2": lambda: _grids(
                browser, desk, _truth(ids["Bag"], "Bag", 2), "sweep-2", "mode=sweep&category=Bag"
            ),
            "sweep_10": lambda: _grids(
                browser, desk, _truth(ids["Coat"], "Coat", 10), "sweep-10", "mode=sweep&category=Coat"
            ),
            "pair_31": lambda: _grids(browser, desk, pair, "pair-31", "mode=pair&pair=Shirt&pair=T-shirt%2Ftop"),
            "latency": lambda: _late(browser, desk),
            "two_browsers": lambda: _two(browser, desk),
        }
        figures = {}
        for name, settled in passes.items():
            figures[name] = settled()
            print(name, figures[name], file=sys.stderr, flush=True)
    return figures | {"missed": _missed(figures)}


def _divided(desk: Desk, counts: Mapping[str, int]) -> dict[str, Sequence[int]]:
    """Let the model have said each category of so many images; what is left over is for nobody."""
    left, ids = desk.ids, {}
    for name, count in counts.items():
        ids[name], left = left[:count], left[count:]
        desk.say(ids[name], name, SECOND[name])
    desk.say(left, "Ankle boot", "Bag")
    return ids


def _truth(ids: Sequence[int], category: str, percent: int) -> dict[int, str]:
    """Return what each image is: so many of a hundred are what the model holds for the second best."""
    return {id: SECOND[category] if place * percent % 100 < percent else category for place, id in enumerate(ids)}


def _single(browser: Browser, desk: Desk, truth: Mapping[int, str]) -> dict[str, Any]:
    """Press twenty keys a second, each at an image that is shown."""
    page = open_page(browser, desk, "single", "mode=single&category=Sandal")
    began = time.monotonic()
    shown = 0
    for place in range(len(truth)):
        shown = another(page, shown)
        page.keyboard.press("Enter" if truth[shown] == "Sandal" else "Shift+Enter")
        time.sleep(max(0.0, began + (place + 1) / KEYS_A_SECOND - time.monotonic()))
    figures = _outcome(desk, truth, began)
    log, count = log_of(page), len(truth)
    page.context.close()
    modelled_s = CELL_S + log.keys * KEY_S / count + SCREEN_S / SINGLE_SCREEN
    paint_ms = round(quantiles(log.paints, n=20)[-1], 1)
    return figures | {"actions": log.keys / count, "modelled_s": round(modelled_s, 3), "paint_ms": paint_ms}


def _grids(browser: Browser, desk: Desk, truth: Mapping[int, str], name: str, view: str) -> dict[str, Any]:
    """Click what is wrong and settle, screen by screen, until nothing waits."""
    page = open_page(browser, desk, name, view)
    began, screens = time.monotonic(), 0
    while settle(page, truth):
        screens += 1
    figures = _outcome(desk, truth, began)
    log, count = log_of(page), len(truth)
    page.context.close()
    modelled_s = CELL_S + (log.clicks * (POINTING_S + KEY_S) + log.keys * KEY_S + screens * SCREEN_S) / count
    actions = round((log.clicks + log.keys) / count, 3)
    return figures | {"screens": screens, "actions": actions, "modelled_s": round(modelled_s, 3)}


def _outcome(desk: Desk, truth: Mapping[int, str], began: float) -> dict[str, Any]:
    """Wait until all is committed; return the decisions a minute, and those that are missing, wrong or double."""
    ids = {"ids": list(truth)}

    def count() -> int:
        with desk.sessions() as session:
            return int(session.execute(text(_MADE), ids).scalar_one())

    with suppress(TimeoutError):  # what is missing is counted
        wait_until(lambda: count() >= len(truth), "all decisions", 60, 0.05)
    a_minute = round(60 * count() / (time.monotonic() - began))
    with desk.sessions() as session:
        tags = {row.object_id: row.category for row in session.execute(text(_HUMAN), ids)}
    wrong = sum(tags.get(id) != category for id, category in truth.items())
    return {"images": len(truth), "not_as_known": wrong, "made_too_often": count() - len(tags), "a_minute": a_minute}


def _late(browser: Browser, desk: Desk) -> dict[str, Any]:
    """Turn from screen to screen as fast as a person looks, on a slow line."""
    page = open_page(browser, desk, "slow-line", "mode=sweep&category=Trouser")
    slow_down(page, LATENCY_MS)
    while settle(page, {}, look_s=CELL_S * CELLS):
        pass
    turns = sorted(log_of(page).turns)
    page.context.close()
    return {
        "screens": len(turns) + 1,
        "next_screen_ms": round(turns[-1], 1),
        "median_ms": round(turns[len(turns) // 2], 1),
    }


def _two(browser: Browser, desk: Desk) -> dict[str, Any]:
    """Let two settle the same category at once, and count what both were shown."""
    pages = [open_page(browser, desk, name, "mode=sweep&category=Pullover") for name in ("one", "other")]
    seen: list[set[int]] = [set(), set()]
    while any(before := [set(settle(page, {})) for page in pages]):
        seen = [one | new for one, new in zip(seen, before, strict=True)]
    return {"images": [len(one) for one in seen], "shown_to_both": len(seen[0] & seen[1])}


def _missed(figures: Mapping[str, Any]) -> list[str]:
    over = [
        f"{name} {figure}: {figures[name][figure]}"
        for name, limits in LIMITS.items()
        for figure, limit in limits.items()
        if figures[name][figure] > limit
    ]
    slow = [
        f"{name} a minute: {figures[name]['a_minute']}"
        for name, least in LEAST.items()
        if figures[name]["a_minute"] < least
    ]
    wrong = [
        f"{name} {figure}"
        for name in figures
        for figure in ("not_as_known", "made_too_often", "shown_to_both")
        if figures[name].get(figure)
    ]
    return [*over, *slow, *wrong]
