"""Modes and keys in a real browser, on one server and one page, and a picture of each mode to look at."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from db.operations import plan_changes, plans
from db.operations.plan_changes import Change
from db.operations.selection import Selection
from db.schema import ModelVersion
from db.session import connect
from stack.chromium import CHROMIUM, FLAGS
from tests.review.browsing import Busy, serving, until
from tests.review.clients import PASSWORD, Review
from tests.review.conftest import a_review

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")
PICTURES = Path(__file__).parent.parent.parent / "screenshots"
QUICKER = "const real = performance.now.bind(performance); performance.now = () => 20 * real();"
"""A page whose clock is fast, so that nobody is asked whether he has looked."""
ROOMS = {"desk": (1280, 860), "phone": (390, 844)}


@dataclass(frozen=True)
class Desk:
    """A page of a reviewer, and the review behind it."""

    review: Review
    page: Page
    names: list[str]
    busy: Busy

    def open(self, view: str) -> None:
        """Give everything back, also what the page still asks for, and open a view."""
        self.page.goto("/account")
        until(lambda: self.page.evaluate("0") or self.busy.requests, 0)
        self.review.catalogue.sql("DELETE FROM review_claim")
        self.page.goto(f"/screen?{view}")
        expect(self.page.locator("#question")).not_to_contain_text("…")

    def decided(self, how: str, count: int) -> list[str | None]:
        """Wait until so many decisions of a mode stand; returns their categories, in the order of the images."""
        rows = f"SELECT category FROM decision WHERE undone_at IS NULL AND how = '{how}' ORDER BY object_id"
        until(lambda: len(self.review.catalogue.sql(rows)), count)
        return [row[0] for row in self.review.catalogue.sql(rows)]


def prepare(review: Review, names: list[str]) -> str:
    """Give the images categories, products and a plan, so that each mode has some of its own; returns the plan."""
    ids, catalogue = review.ids, review.catalogue
    kinds = [*[names[0], names[6]] * 6, *[names[1]] * 8, *[names[3]] * 8, *[names[4]] * 20]
    for object_id, name in zip(ids, kinds, strict=True):
        catalogue.sql("UPDATE image_tag SET category = :name WHERE object_id = :id", name=name, id=object_id)
    catalogue.sql("UPDATE image_tag SET confidence = 9200 WHERE category = :name", name=names[4])
    for object_id in ids[12:20]:
        catalogue.sql("UPDATE source_object SET product_id = :p WHERE id = :id", p=f"A-{object_id % 2}", id=object_id)
    with catalogue.sessions.begin() as session:
        model = session.get_one(ModelVersion, catalogue.model_id)
        plan = plans.begin(session, Selection(everything=True), model, requested_by="amina", newest_first=False)
        changes = [Change(object_id, names[4], names[2], 8000) for object_id in ids[44:]]
        plan_changes.note(session, plan.id, changes)
        return plan.code


@pytest.fixture(scope="module")
def desk(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(migrated_sqlite, folder / "catalogue.db")
    engine = connect(f"sqlite:///{folder / 'catalogue.db'}")
    faults: list[str] = []
    for review in a_review(engine, folder, password_hash, images=48):
        busy = Busy(review.client.app)
        with serving(review, busy) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(base_url=address, has_touch=True)
            page.add_init_script(QUICKER)
            page.set_default_timeout(60_000)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("request", lambda request: None if request.url.startswith(address) else faults.append(request.url))
            page.goto("/login?next=/account")
            page.fill("[name=name]", "a-reviewer")
            page.fill("[name=password]", PASSWORD)
            page.click("button.main")
            names = review.client.app.state.parts.categories.names()  # type: ignore[attr-defined]
            yield Desk(review, page, names, busy)
            browser.close()
    engine.dispose()
    assert faults == []


@pytest.fixture(scope="module")
def plan(desk: Desk) -> str:
    return prepare(desk.review, desk.names)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_mode_has_its_picture_and_fits_a_phone(desk: Desk, plan: str, scheme: Literal["light", "dark"]) -> None:
    """Look at the pictures in screenshots/."""
    PICTURES.mkdir(exist_ok=True)
    desk.page.emulate_media(color_scheme=scheme)
    for room, (width, height) in ROOMS.items():
        desk.page.set_viewport_size({"width": width, "height": height})
        for name, path in (("queue", "/"), ("account", "/account")):
            desk.page.goto(path)
            if name == "queue":
                desk.page.click("details.look summary")
            desk.page.screenshot(path=PICTURES / f"{name}-{room}-{scheme}.png", full_page=True)
    views = {mode: f"mode={mode}" for mode in ("pair", "product", "single")}
    views |= {"sweep": f"mode=sweep&category={quote(desk.names[4])}", "plan": f"plan={plan}"}
    for name, view in views.items():
        for room, (width, height) in ROOMS.items():
            desk.page.set_viewport_size({"width": width, "height": height})
            desk.open(view)
            if name in ("pair", "sweep"):
                desk.page.locator(".cell").nth(1).click()
            desk.page.wait_for_load_state("networkidle")
            desk.page.screenshot(path=PICTURES / f"{name}-{room}-{scheme}.png")
            assert desk.page.evaluate("document.documentElement.scrollWidth") <= width
    desk.page.set_viewport_size({"width": 1280, "height": 860})


def test_everything_that_matches_is_a_selection_of_a_plan(desk: Desk, plan: str) -> None:
    script = "async (view) => (await import('/static/everything.js')).selectionOf(view)"
    views = [{"category": desk.names[4]}, {"pair": desk.names[:2], "reason": "low_confidence"}, {"product": "A-1"}, {}]
    desk.page.goto("/account")

    selections = [desk.page.evaluate(script, view) for view in views]
    plans = [desk.review.ask("POST", "plans", role="operator", json=selection).json() for selection in selections]

    assert [made["images"] for made in plans] == [20, 14, 4, 48]
    assert desk.page.evaluate(script, {"age": "day"}) is None


def test_a_pair_is_told_apart_by_clicks_and_by_two_keys(desk: Desk, plan: str) -> None:
    first, second = sorted((desk.names[0], desk.names[6]))
    desk.open(f"mode=pair&pair={quote(first)}&pair={quote(second)}")
    cells = desk.page.locator(".cell")
    expect(cells).to_have_count(12)
    shown = [cell.locator(".name").text_content() for cell in cells.all()]

    cells.nth(0).click()
    expect(cells.nth(0)).to_have_attribute("aria-label", f"1: {second}, changed")
    cells.nth(1).focus()
    for key in "fj":
        desk.page.keyboard.press(key)
    expect(cells.nth(3)).to_be_focused()
    desk.page.keyboard.press("Enter")

    wanted = [second, first, second, *shown[3:]]
    assert sorted(map(str, desk.decided("pair", 12))) == sorted(map(str, wanted))


def test_one_answer_is_for_all_photographs_of_a_product(desk: Desk, plan: str) -> None:
    desk.open("mode=product")
    cells = desk.page.locator(".cell")
    expect(cells).to_have_count(2)
    expect(cells.nth(0).locator(".count")).to_have_text("×4")

    cells.nth(1).focus()
    desk.page.keyboard.press("3")
    desk.page.keyboard.press("Enter")

    decided = desk.decided("product", 8)
    assert [decided.count(name) for name in (desk.names[1], desk.names[2])] == [4, 4]
    expect(desk.page.locator("#question")).to_have_text("Nothing waits here any more")
    desk.page.keyboard.press("z")
    expect(cells).to_have_count(2)
    desk.page.keyboard.press("Shift+z")
    assert desk.decided("product", 8) == decided


def test_single_images_have_neighbours_comments_undo_and_redo(desk: Desk, plan: str) -> None:
    desk.open(f"mode=single&category={quote(desk.names[3])}")
    caption = desk.page.locator("figcaption")
    expect(caption).to_have_text("0021.png")

    desk.page.keyboard.press("n")
    expect(desk.page.locator(".neighbours")).to_contain_text(re.compile("T-shirt/top|Nothing settled"))
    desk.page.keyboard.press("c")
    desk.page.keyboard.type("zx?")  # no key acts under a dialog
    desk.page.click("#comment button.main")
    expect(desk.page.locator("#comment")).to_be_hidden()
    desk.page.keyboard.press("Enter")
    expect(caption).to_have_text("0022.png")
    desk.page.keyboard.press("z")
    expect(caption).to_have_text("0021.png")
    desk.page.keyboard.press("Shift+z")
    expect(caption).to_have_text("0022.png")

    assert desk.review.catalogue.sql("SELECT text FROM image_comment") == [("zx?",)]
    assert desk.decided("single", 1) == [desk.names[3]]


def test_keys_are_changed_and_switched_off_for_a_browser(desk: Desk, plan: str) -> None:
    desk.page.goto("/account")
    desk.page.click("[data-act=notOurs]")
    desk.page.keyboard.press("u")  # which was "unreadable" before
    expect(desk.page.locator("tr", has_text="Unreadable")).to_contain_text("off")

    desk.open(f"mode=sweep&category={quote(desk.names[4])}")
    desk.page.keyboard.press("?")
    expect(desk.page.locator("#legend dt", has_text="U")).to_have_count(1)
    desk.page.keyboard.press("Escape")
    for key in ("x", "u"):
        desk.page.keyboard.press(key)

    expect(desk.page.locator(".cell").first).to_have_attribute("aria-label", "1: not ours, changed")
    desk.page.goto("/account")
    desk.page.click("#reset")


def test_a_long_press_opens_the_picker_and_a_tap_is_the_second_choice(desk: Desk, plan: str) -> None:
    desk.open(f"mode=sweep&category={quote(desk.names[4])}")
    cell = desk.page.locator(".cell").first
    cell.tap()
    expect(cell).to_have_class(re.compile("changed"))

    cell.dispatch_event("pointerdown", {"pointerType": "touch", "clientX": 9, "clientY": 9})
    expect(desk.page.locator("#picker")).to_be_visible()
    desk.page.fill("#find", "ank")
    desk.page.keyboard.press("Enter")

    cell.dispatch_event("click")  # the end of the long press
    expect(cell.locator(".name")).to_have_text("Ankle boot")
    cell.tap()
    expect(cell.locator(".name")).not_to_have_text("Ankle boot")


def test_a_claim_that_ends_warns_and_one_key_holds_it_on(desk: Desk, plan: str) -> None:
    desk.page.clock.install()
    desk.open(f"mode=sweep&category={quote(desk.names[4])}")
    desk.page.clock.run_for(550_000)
    expect(desk.page.locator("#notices")).to_contain_text("any key holds them on")
    ends = "SELECT max(expires_at) FROM review_screen"
    before = desk.review.catalogue.value(ends)

    desk.page.keyboard.press("ArrowRight")

    expect(desk.page.locator("#notices")).to_be_empty()
    until(lambda: desk.review.catalogue.value(ends) > before, True)
