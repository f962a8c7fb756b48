"""The shipped bundle for photographs: what it claims, and that nobody's photograph is in it."""

import numpy as np
import pytest

from model import bundle as bundles
from model.bundle import Bundle


@pytest.fixture(scope="module")
def clothing() -> Bundle:
    return bundles.read(bundles.find("clothing"))


def test_it_is_small_and_multiplies_little(clothing: Bundle) -> None:
    assert (clothing.folder / "model.tflite").stat().st_size < 6_000_000
    assert sum(path.stat().st_size for path in clothing.folder.rglob("*") if path.is_file()) < 16_000_000
    assert clothing.training["multiply_adds"] * 20 < 8_400_000_000  # Xception at 299 pixels


def test_its_golden_images_are_drawn(clothing: Bundle) -> None:
    with np.load(clothing.folder / "golden.npz") as golden:
        images = golden["images"]

    # photographs hold tens of thousands of colours, drawings a few
    assert max(len(np.unique(image.reshape(-1, 3), axis=0)) for image in images) < 3_000


def test_its_report_shows_no_photograph_of_the_training(clothing: Bundle) -> None:
    page = (clothing.folder / "report" / "report.html").read_text(encoding="utf-8")

    assert "not in this report" in page
    assert "data:image/jpeg" not in page


def test_it_says_what_it_is_for(clothing: Bundle) -> None:
    assert clothing.purpose.startswith("Colour photographs of 10 categories: dress, hat,")
