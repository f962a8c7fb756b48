"""Every page is for everybody: axe finds nothing, in light, in dark and on a phone, and decisions are read out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from db.review import access, users
from stack.chromium import CHROMIUM
from tests.review.browsing import serving
from tests.review.clients import PASSWORD, Review
from tests.review.test_attacks import pages
from tests.review.test_browser import browser
from tests.review.test_comparing import compared

__all__ = ["browser"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
    "selectors": False,
    "preload": False,
}
VIOLATIONS = "async (rules) => (await axe.run(rules)).violations"
VIEWS: tuple[tuple[int, Literal["light", "dark"]], ...] = (
    (1280, "light"),
    (390, "light"),
    (390, "dark"),
    (1280, "dark"),
)
PICTURED = ((1280, "light"), (390, "dark"))
PICTURES = Path(__file__).parent.parent.parent / "screenshots"
PALE = "p { color: #999; background: #aaa; }"
PLANTED = f"""<html lang="en"><title>Words that nobody can read</title><style>
{PALE.replace("p", "main")}
@media (prefers-color-scheme: dark) and (max-width: 400px) {{ {PALE} }}
</style><main>Pale.</main><p>Pale on a phone in the dark.</p><img src="data:,">"""
MODES = ("sweep", "single", "pair", "product")


@pytest.fixture
def page(review: Review, browser: Browser) -> Iterator[Page]:
    """Open a page on which an admin is logged in."""
    with serving(review) as address, browser.new_context(base_url=address) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto("/login")
        page.fill("[name=name]", "a-admin")
        page.fill("[name=password]", PASSWORD)
        page.click("button.main")
        yield page


def findings(page: Page, path: str, name: str | None = None) -> list[str]:
    """List what axe finds on a page, in each view; of a page with a name, pictures to look at are in screenshots/."""
    found = []
    page.evaluate(AXE_SCRIPT)
    for width, scheme in VIEWS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if name and (width, scheme) in PICTURED:
            page.screenshot(path=PICTURES / f"{name}-{width}-{scheme}.png", full_page=True)
        for violation in page.evaluate(VIOLATIONS, RULES):
            places = [node["html"][:120] for node in violation["nodes"][:3]]
            found.append(f"{path} {width} {scheme}: {violation['id']}: {places}")
    return found


def test_axe_finds_nothing_on_any_page_in_light_in_dark_and_on_a_phone(review: Review, page: Page) -> None:
    with review.catalogue.sessions.begin() as session:
        link = access.open_link(session, users.find(session, "a-viewer").id)
    screens = [f"/screen?mode={mode}" for mode in MODES]
    plan = review.ask("POST", "plans", role="operator", json={"everything": True, "compare": True}).json()["plan"]
    compared(review, plan)
    found = []

    for place, path in enumerate([*pages(review), *screens, f"/password?token={link}", "/nothing-here"]):
        page.goto(path.replace("{code}", plan))
        if path.startswith("/screen"):
            expect(page.locator("#question")).not_to_have_text("Looking for images…")
        if page.locator("html[lang]").count():
            found += findings(page, path, f"page-{place:02}{path.split('?')[0].replace('/', '-')}")

    assert found == []


def test_axe_finds_what_is_planted_in_the_view_in_which_it_is_seen(page: Page) -> None:
    page.goto("about:blank")  # whose policy allows styles
    page.set_content(PLANTED)

    found = findings(page, "")

    for width, scheme in VIEWS:
        of_view = [finding for finding in found if f" {width} {scheme}: " in finding]
        assert any(": image-alt: " in finding for finding in of_view)
        (contrast,) = [finding for finding in of_view if ": color-contrast: " in finding]
        assert "<main>" in contrast
        assert ("<p>" in contrast) == ((width, scheme) == (390, "dark"))


def test_each_decision_is_read_out(review: Review, page: Page) -> None:
    live = page.locator("[aria-live=polite]#live")
    page.goto("/screen?mode=single")
    expect(page.locator("figcaption")).to_have_text("0001.png")
    names = review.client.app.state.parts.categories.names()  # type: ignore[attr-defined]

    page.keyboard.press("4")
    expect(live).to_contain_text(names[3])
    page.keyboard.press("x")
    expect(live).to_contain_text("not ours")
    page.keyboard.press("z")
    expect(live).to_contain_text("Undone")
