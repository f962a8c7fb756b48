"""Copies of a picture are found, other pictures like it are not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from model.data.inspection.near_duplicates import (
    MIN_EDGE,
    group_by_product,
    perceptual_hash,
    picture_numbers,
    thumbnail,
)
from model.images.decoding import DecodeHints, decode
from tests.model.pictures import encode, garment


def numbers(*images: Image.Image) -> list[int]:
    hashes = np.asarray([perceptual_hash(image) for image in images], np.uint64)
    return picture_numbers(hashes, np.asarray([thumbnail(image) for image in images])).tolist()


def as_jpeg(image: Image.Image, quality: int = 50) -> Image.Image:
    return decode(encode(image, "JPEG", quality=quality), DecodeHints(MIN_EDGE))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved anew": as_jpeg,
    "resized": lambda image: as_jpeg(image.resize((image.width // 2, image.height // 2)), 85),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "cut by a hundredth": lambda image: image.crop((3, 3, image.width - 3, image.height - 3)),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_the_same_picture(how: str) -> None:
    first, other = garment(1), garment(2)

    result = numbers(first, other, COPIES[how](first))

    assert result[0] == result[2] != result[1]


def test_one_shape_in_two_colours_is_two_pictures() -> None:
    image = garment(1)
    red, green, blue = image.split()
    recoloured = Image.merge("RGB", (blue, red, green))

    first, second = numbers(image, recoloured)

    assert first != second


def test_flat_pictures_are_like_no_other() -> None:
    flat = [Image.new("RGB", (80, 80), colour) for colour in ("white", "white", "#fefefe", "red")]

    assert len(set(numbers(*flat))) == 4


def test_near_duplicates_are_transitive() -> None:
    first = numbers(*(garment(seed) for seed in (1, 2, 1, 3, 1)))

    assert [first[0] == image for image in first] == [True, False, True, False, True]


def test_without_pictures_nothing_is_alike() -> None:
    assert len(picture_numbers(np.zeros(0, np.uint64), np.zeros((0, 16, 16, 3), np.uint8))) == 0
    assert len(group_by_product(np.zeros(0, np.int64), [])) == 0


def test_blocks_of_pairs_miss_none(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [garment(seed % 20) for seed in range(60)]
    whole = numbers(*images)
    monkeypatch.setattr("model.data.inspection.near_duplicates._CELLS", 100)
    monkeypatch.setattr("model.data.inspection.near_duplicates._PAIRS", 2)

    in_blocks = numbers(*images)

    assert [[a == b for b in whole] for a in whole] == [[a == b for b in in_blocks] for a in in_blocks]
    assert len(set(whole)) == 20


def test_products_join_what_looks_alike_and_are_counted_in_order() -> None:
    looks = np.asarray([5, 1, 5, 3, 4, 2])

    assert group_by_product(looks, ["a", None, None, "b", "a", None]).tolist() == [0, 1, 0, 2, 0, 3]


def test_among_the_shared_photographs_one_is_there_twice(photos: Path) -> None:
    files = [path for kind in ("shorts", "skirt") for path in sorted((photos / "train" / kind).glob("*.jpg"))]

    result = numbers(*(decode(path.read_bytes(), DecodeHints(MIN_EDGE)) for path in files))

    twice = [path for path, number in zip(files, result, strict=True) if result.count(number) > 1]
    assert [path.name[:8] for path in twice] == ["6075b4a5", "637a56e4"]
