"""A scripted reviewer in Chromium, whose page logs its own actions and how long each took until it was painted."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, sync_playwright

from bench.review.client import in_browser
from bench.review.desk import Desk
from stack.chromium import CHROMIUM, FLAGS

CELLS = 48
WIDTH, HEIGHT = 1280, 900
PATIENCE_MS = 120_000
_LOG = """
const clock = performance.now.bind(performance);
performance.now = () => 1000 * clock();  // nobody is asked whether he has looked
window.logged = { keys: 0, clicks: 0, paints: [], turns: [] };
const painted = (since) => requestAnimationFrame(() => setTimeout(() => logged.paints.push(clock() - since)));
addEventListener("keydown", (event) => {
  if (!event.isTrusted || ["Shift", "Control"].includes(event.key)) return;
  logged.keys += 1;
  painted(event.timeStamp);
  const old = document.querySelector(".cell");
  if (event.key === "Enter" && old) turned(event.timeStamp, old);
}, true);
addEventListener("click", (event) => { if (event.isTrusted && event.detail) logged.clicks += 1; }, true);
function turned(since, old) {
  const images = [...document.querySelectorAll(".cell img")];
  if (old.isConnected || !images.length) return requestAnimationFrame(() => turned(since, old));
  const shown = () => requestAnimationFrame(() => logged.turns.push(clock() - since));
  Promise.all(images.map((image) => image.decode())).then(shown);
}
"""
_SHOWN = (
    "[...document.querySelectorAll('.cell img')].map((image) => Number(image.src.split('/images/')[1].split('/')[0]))"
)
_NAMES = "[...document.querySelectorAll('.cell .name')].map((name) => name.textContent)"
_OTHER = (
    "(old) => document.querySelector('#stage > p.actions')"
    " || (document.querySelector('.cell img') && document.querySelector('.cell img').src !== old)"
)
_ANOTHER = (
    "(old) => [...document.querySelectorAll('figure img')]"
    ".map((image) => Number(image.src.split('/images/')[1].split('/')[0])).find((id) => id !== old)"
)
_FIRST = "document.querySelector('.cell img')?.src"


@dataclass(frozen=True)
class Log:
    """What a page has logged of itself: actions, and milliseconds until a key was painted and a screen was decoded."""

    keys: int
    clicks: int
    paints: Sequence[float]
    turns: Sequence[float]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium. Raises RuntimeError where there is none."""
    if CHROMIUM is None:
        raise RuntimeError("there is no browser to measure in: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def open_page(browser: Browser, desk: Desk, name: str, view: str) -> Page:
    """Open a view as somebody who is logged in."""
    address = f"http://127.0.0.1:{desk.port}"
    cookie, secret = in_browser(desk.sessions, desk.port, name).headers["Cookie"].split("=", 1)
    context = browser.new_context(base_url=address, viewport={"width": WIDTH, "height": HEIGHT})
    context.add_cookies([{"name": cookie, "value": secret, "url": address}])
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(_LOG)
    page.goto(f"/screen?{view}")
    page.wait_for_selector("#stage figcaption, .cell, #stage > p.actions")
    return page


def another(page: Page, old: int) -> int:
    """Wait until a single image other than the last one is shown, and return it."""
    return int(page.wait_for_function(_ANOTHER, arg=old).json_value())


def slow_down(page: Page, milliseconds: int) -> None:
    """Let each answer come so much later."""
    line = {"offline": False, "latency": milliseconds, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", line)


def settle(page: Page, truth: Mapping[int, str], *, look_s: float = 0.0) -> list[int]:
    """Click what is wrong on a grid, and settle it; return what was shown once the next one is there."""
    images: list[int] = page.evaluate(_SHOWN)
    first, names = page.evaluate(_FIRST), page.evaluate(_NAMES)
    time.sleep(look_s if images else 0.0)
    for place, (image, name) in enumerate(zip(images, names, strict=True)):
        if truth.get(image, name) != name:
            page.locator(".cell").nth(place).click()
    if images:
        page.keyboard.press("Enter")
        page.wait_for_function(_OTHER, arg=first)
    return images


def log_of(page: Page) -> Log:
    """Read what a page has logged."""
    return Log(**page.evaluate("window.logged"))
