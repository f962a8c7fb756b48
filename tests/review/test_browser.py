"""The screen in a real browser: settled by keys, undone in one step, and nothing lost without a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from stack.chromium import CHROMIUM, FLAGS
from tests.review.browsing import serving, until
from tests.review.clients import PASSWORD, Review

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture
def address(review: Review) -> Iterator[str]:
    """Serve the application on a port of this machine."""
    with serving(review) as address:
        yield address


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Open a page as somebody; at the end none may have said an error or asked another site for anything."""
    contexts, faults = [], []

    def open_page(path: str, name: str = "a-reviewer") -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=address)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(address) else faults.append(request.url))
        page.goto("/login?next=/account")
        page.fill("[name=name]", name)
        page.fill("[name=password]", PASSWORD)
        page.click("button.main")
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def decided(review: Review) -> list[tuple[str, str | None]]:
    rows = review.catalogue.sql("SELECT outcome, category FROM decision WHERE undone_at IS NULL ORDER BY object_id")
    return [(row[0], row[1]) for row in rows]


def test_a_sweep_is_settled_by_keys_and_undone_as_one_step(review: Review, opened: Callable[..., Page]) -> None:
    first = review.tag(review.ids[0])[0]
    page = opened("/screen?mode=sweep")
    cells = page.locator(".cell")
    expect(cells).to_have_count(len(review.ids))
    second = review.client.app.state.parts.categories.names()[1]  # type: ignore[attr-defined]

    cells.nth(1).click()
    expect(cells.nth(1)).to_have_attribute("aria-label", f"2: {second}, changed")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.keyboard.press("Enter")

    expect(page.locator("#question")).to_have_text("Nothing waits here any more")
    category = ("category", first)
    until(lambda: decided(review), [category, ("category", second), ("not_ours", None), *[category] * 3])
    page.keyboard.press("z")
    expect(page.locator(".cell.changed")).to_have_count(2)
    assert decided(review) == []
    assert review.tag(review.ids[2])[1:3] == ("low_confidence", "model")
    assert review.catalogue.violations() == []


def test_single_images_are_settled_by_a_key_each(review: Review, opened: Callable[..., Page]) -> None:
    page = opened("/screen?mode=single")
    for place, key in enumerate(("Enter", "Shift+Enter", "4", "x", "u", "Backspace")):
        expect(page.locator("figcaption")).to_have_text(f"{place + 1:04}.png")
        page.keyboard.press(key)

    names = review.client.app.state.parts.categories.names()  # type: ignore[attr-defined]
    until(
        lambda: decided(review),
        [
            *(("category", names[place]) for place in (0, 1, 3)),
            ("not_ours", None),
            ("unreadable", None),
            ("skip", None),
        ],
    )
    assert review.catalogue.value("SELECT count(*) FROM decision WHERE how = 'single'") == 6


def test_what_is_decided_without_a_network_is_sent_after_a_reload_and_once(
    review: Review, opened: Callable[..., Page]
) -> None:
    page = opened("/screen?mode=single")
    expect(page.locator("figcaption")).to_have_text("0001.png")

    page.context.set_offline(True)
    page.keyboard.press("Enter")
    expect(page.locator("figcaption")).to_have_text("0002.png")
    expect(page.locator("#notices")).to_contain_text("cannot be reached")
    assert decided(review) == []
    page.context.set_offline(False)
    page.reload()

    until(lambda: len(decided(review)), 1)
    assert review.catalogue.value("SELECT count(*) FROM tag_event WHERE actor = 'person:a-reviewer'") == 1


def test_two_browsers_never_show_one_image(review: Review, opened: Callable[..., Page]) -> None:
    one = opened("/one")
    other = opened("/one", "a-operator")

    shown = [page.locator("figcaption").text_content() for page in (one, other)]

    assert shown == ["0001.png", "0002.png"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(review: Review, opened: Callable[..., Page], scheme: str) -> None:
    page = opened("/")
    page.set_viewport_size({"width": 390, "height": 800})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")

    for path in ("/", "/one", "/objects", f"/objects/{review.ids[0]}", "/account", "/screen?mode=single"):
        page.goto(path)
        expect(page.locator("h1")).not_to_have_text(re.compile("Looking"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_no_key_acts_on_what_is_decided_while_the_next_screen_is_fetched(
    review: Review, opened: Callable[..., Page]
) -> None:
    page, held = opened("/account"), list[Route]()

    def all_but_the_first_wait(route: Route) -> None:
        held.append(route)
        if len(held) == 1:
            route.continue_()

    page.route("**/api/v1/screens", all_but_the_first_wait)
    page.goto("/screen?mode=single")
    for place in range(len(review.ids)):
        expect(page.locator("figcaption")).to_have_text(f"{place + 1:04}.png")
        page.keyboard.press("Enter")
    for key in ("x", "Enter", "4"):
        page.keyboard.press(key)
    until(lambda: len(decided(review)), len(review.ids))
    held[1].continue_()

    expect(page.locator("#question")).to_have_text("Nothing waits here any more")
    expect(page.locator("#notices")).to_be_empty()
    assert decided(review) == [("category", review.tag(review.ids[0])[0])] * len(review.ids)


def test_one_key_decides_all_pictures_that_are_nearly_one_each_by_an_event_of_its_own(
    review: Review, opened: Callable[..., Page]
) -> None:
    *copies, one, another = review.ids
    for image, bits in {**dict.fromkeys(copies, b"x"), one: b"\x87", another: None}.items():
        review.catalogue.sql("UPDATE classification SET fingerprint = :bits WHERE object_id = :id", bits=bits, id=image)
    name = review.client.app.state.parts.categories.names()[3]  # type: ignore[attr-defined]
    page = opened("/screen?mode=product")
    expect(page.locator(".cell")).to_have_count(1)
    expect(page.locator(".cell .count")).to_have_text(f"×{len(copies)}")

    page.keyboard.press("4")
    page.keyboard.press("Enter")

    until(lambda: decided(review), [("category", name)] * len(copies))
    events = "SELECT object_id FROM tag_event WHERE actor = 'person:a-reviewer' ORDER BY id"
    assert sorted(row[0] for row in review.catalogue.sql(events)) == copies
    assert review.catalogue.sql("SELECT DISTINCT how FROM decision")[0][0] == "product"
    page.keyboard.press("z")
    until(lambda: decided(review), [])
    assert {review.tag(image)[2] for image in review.ids} == {"model"}
