"""`make pictures`: the pictures of docs/review.md, in Chromium, of a shop whose garments are drawn."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from stack.chromium import CHROMIUM, FLAGS
from tests.review.browsing import serving, until
from tests.review.clients import PASSWORD
from tests.review.guide.garments import Garment, write
from tests.review.guide.shop import COAT, DRESS, NO_SHIRT, NO_TEES, OPERATOR, REVIEWER, open_shop

PICTURES = Path(__file__).parents[3] / "docs" / "images"
WIDTH, HEIGHT, COLOURS = 1280, 760, 200


def main() -> int:
    """Make all pictures anew; return the exit code."""
    if CHROMIUM is None:
        print("there is no browser to make pictures in: apt-get install chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        shop = open_shop(Path(folder))
        with serving(shop) as address:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            show_modes(logged_in(browser, address, REVIEWER))
            page = logged_in(browser, address, OPERATOR)
            show_dashboard(page)
            show_trial(page, Path(folder) / "try")
            browser.close()
        shop.client.app.state.parts.trials.close()  # type: ignore[attr-defined]
    return 0


def logged_in(browser: Browser, address: str, name: str) -> Page:
    """Open a browser of somebody's own."""
    page = browser.new_page(base_url=address, viewport={"width": WIDTH, "height": HEIGHT})
    page.goto("/login")
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("button.main")
    return page


def show_modes(page: Page) -> None:
    """Bring each mode into the state that the guide speaks of, and keep a picture of it."""
    cells = page.locator(".cell")
    page.goto("/screen?mode=sweep&category=T-shirt%2Ftop&prefix=sweep/")
    expect(cells).to_have_count(24)
    for wrong in NO_TEES:
        cells.nth(wrong).click()
    keep(page, "sweep")
    page.goto("/screen?mode=pair&pair=Shirt&pair=T-shirt%2Ftop&prefix=pair/")
    expect(cells).to_have_count(24)
    cells.nth(NO_SHIRT).click()
    keep(page, "pair")
    page.goto("/screen?mode=product&prefix=product/")
    expect(cells).to_have_count(6)
    keep(page, "product", height=520)
    page.goto("/screen?mode=single&prefix=single/")
    expect(page.locator("figcaption")).to_contain_text("winter-0417")
    page.keyboard.press("n")
    expect(page.locator(".neighbours img")).not_to_have_count(0)
    keep(page, "single", height=880)


def show_dashboard(page: Page) -> None:
    """Keep a picture of the dashboard when everything on it is known."""
    page.goto("/dashboard")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    expect(page.locator("#models table")).to_be_visible()
    keep(page, "dashboard", height=1490)


def show_trial(page: Page, folder: Path) -> None:
    """Try two photographs, and keep a picture of what the model says of them."""
    for name, garment in (("coat.jpg", Garment(COAT, 34)), ("dress.jpg", Garment(DRESS, 11))):
        write(garment, folder / name)
    page.goto("/try")
    page.set_input_files("[name=photograph]", sorted(folder.iterdir()))
    expect(page.locator(".tried li")).to_have_count(2)
    keep(page, "try-it", height=880)


def keep(page: Page, name: str, *, height: int = HEIGHT) -> None:
    """Keep a picture in few colours, when all that is on the page has been loaded."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    until(lambda: page.evaluate("[...document.images].every((image) => image.complete)"), True)
    page.mouse.move(0, 0)
    path = PICTURES / f"review-{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(PICTURES.parent.parent)}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())
