"""Every page is for everybody: axe finds nothing, in light, in dark and on a phone, and decisions are read out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from db.review import access, users
from tests.review.browsing import CHROMIUM, FLAGS, serving
from tests.review.clients import PASSWORD, Review
from tests.review.test_attacks import pages

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
}
VIEWS = ((1280, "light"), (1280, "dark"), (390, "light"))
MODES = ("sweep", "single", "pair", "product")


@pytest.fixture
def page(review: Review) -> Iterator[Page]:
    """Open a browser in which an admin is logged in."""
    with serving(review) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(base_url=address).new_page()
        page.set_default_timeout(60_000)
        page.goto("/login")
        page.fill("[name=name]", "a-admin")
        page.fill("[name=password]", PASSWORD)
        page.click("button.main")
        yield page
        browser.close()


def findings(page: Page, path: str) -> list[str]:
    """List what axe finds on a page, in each view."""
    found = []
    for width, scheme in VIEWS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        for violation in Axe().run(page, options=RULES).response["violations"]:
            places = [node["html"][:120] for node in violation["nodes"][:3]]
            found.append(f"{path} {width} {scheme}: {violation['id']}: {places}")
    return found


def test_axe_finds_nothing_on_any_page_in_light_in_dark_and_on_a_phone(review: Review, page: Page) -> None:
    with review.catalogue.sessions.begin() as session:
        link = access.open_link(session, users.find(session, "a-viewer").id)
    screens = [f"/screen?mode={mode}" for mode in MODES]
    found = []

    for path in [*pages(review), *screens, f"/password?token={link}", "/nothing-here"]:
        page.goto(path)
        if path.startswith("/screen"):
            expect(page.locator("#question")).not_to_have_text("Looking for images…")
        if page.locator("html[lang]").count():
            found += findings(page, path)

    assert found == []
    page.set_content('<html lang="en"><title>A picture without words</title><img src="x">')
    assert any(": image-alt: " in finding for finding in findings(page, ""))


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
