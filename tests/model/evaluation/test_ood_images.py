"""Out-of-distribution images: where they come from, and that they follow from a seed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data.dataset import Dataset
from model.evaluation import ood_images
from model.images.preprocessing import FASHION_MNIST, photograph

DRAWN = {"noise", "blank", "placeholder", "text", "screenshot"}
OF_GARMENTS = {"inverted", "rotated", "upside down"}


@pytest.fixture(scope="module")
def sources(small_data: Dataset) -> dict[str, np.ndarray]:
    return ood_images.for_fashion_mnist(small_data.validation, FASHION_MNIST, 7, None)


def test_every_source_gives_prepared_images(sources: dict[str, np.ndarray]) -> None:
    assert set(sources) >= DRAWN | OF_GARMENTS
    assert {images.shape[1:] for images in sources.values()} == {(28, 28, 1)}
    assert {images.dtype for images in sources.values()} == {np.dtype(np.uint8)}


def test_the_same_seed_gives_the_same_images(sources: dict[str, np.ndarray], small_data: Dataset) -> None:
    again = ood_images.for_fashion_mnist(small_data.validation, FASHION_MNIST, 7, None)
    other = ood_images.for_fashion_mnist(small_data.validation, FASHION_MNIST, 8, None)

    for name in DRAWN | OF_GARMENTS:
        np.testing.assert_array_equal(sources[name], again[name])
    assert (sources["text"] != other["text"]).any()


def test_garments_are_turned_and_inverted(sources: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(np.rot90(255 - sources["inverted"], axes=(1, 2)), sources["rotated"])
    np.testing.assert_array_equal((255 - sources["inverted"])[:, ::-1], sources["upside down"])


def test_pictures_that_are_shipped_with_libraries_are_taken_where_they_are(sources: dict[str, np.ndarray]) -> None:
    # those of scikit-learn and scikit-image, whole and in parts
    assert len(sources["photographs"]) == ood_images.COUNT


def test_hats_are_found_in_a_folder_and_broken_files_are_passed_over(small_data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "train" / "hat").mkdir(parents=True)
    Image.new("RGB", (60, 60), "red").save(tmp_path / "train" / "hat" / "one.jpg")
    (tmp_path / "train" / "hat" / "broken.jpg").write_bytes(b"no picture")

    sources = ood_images.for_fashion_mnist(small_data.validation, FASHION_MNIST, 7, tmp_path)

    assert len(sources["hats"]) == 1


def test_without_a_folder_there_are_no_hats(sources: dict[str, np.ndarray]) -> None:
    assert "hats" not in sources


def test_for_photographs_nothing_is_a_garment_turned_over_and_all_is_in_colour() -> None:
    images, again = (ood_images.for_photographs(photograph(32), 7) for _ in range(2))

    assert DRAWN <= set(images) <= DRAWN | {"photographs"}
    assert {(len(source), *source.shape[1:]) for source in images.values()} == {(ood_images.COUNT, 32, 32, 3)}
    for name, source in images.items():
        np.testing.assert_array_equal(source, again[name])
    assert (images["placeholder"][..., 0] != images["placeholder"][..., 2]).any()


def test_drawn_pictures_follow_from_a_seed_and_have_the_recipes_size() -> None:
    drawn = ood_images.drawn(photograph(32), 5)

    assert (drawn.shape, drawn.dtype) == ((5, 32, 32, 3), np.dtype(np.uint8))
    np.testing.assert_array_equal(drawn, ood_images.drawn(photograph(32), 5))
    assert len(np.unique(drawn.reshape(5, -1), axis=0)) == 5
