"""Photographs as squares in colour: which part is seen, and what is around it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from model.images.preprocessing import FITS, PHOTOGRAPH, PreprocessingUnknown, check, photograph, preprocess, resized
from tests.model.pictures import noise

SIZE = 64


def flag() -> Image.Image:
    """240×120: red, then blue, then green in the last quarter."""
    pixels = np.zeros((120, 240, 3), np.uint8)
    pixels[:, :60, 0], pixels[:, 60:180, 2], pixels[:, 180:, 1] = 255, 255, 255
    return Image.fromarray(pixels)


def colours(row: np.ndarray) -> str:
    """Name the strongest colour of each pixel of uint8[N, 3], leaving out repetitions."""
    letters = ["RGB"[index] for index in row.argmax(-1)]
    return "".join(letter for letter, before in zip(letters, ["", *letters[:-1]], strict=True) if letter != before)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(240, 120), (3, 200), (1, 1), (64, 64)])
def test_any_shape_becomes_the_square(fit: str, size: tuple[int, int]) -> None:
    seen = preprocess(noise(1, size), photograph(SIZE, fit))

    assert seen.shape == (SIZE, SIZE, 3)
    assert seen.dtype == np.uint8


@pytest.mark.parametrize(("fit", "seen"), [("squash", "RBG"), ("letterbox", "RBG"), ("crop", "B")])
def test_a_crop_loses_the_ends_and_the_others_lose_nothing(fit: str, seen: str) -> None:
    wide, high = flag(), flag().transpose(Image.Transpose.ROTATE_270)

    of_wide, of_high = (preprocess(image, photograph(SIZE, fit)) for image in (wide, high))

    assert colours(of_wide[SIZE // 2]) == colours(of_high[:, SIZE // 2]) == seen


def test_a_letterbox_keeps_the_shape_and_has_the_borders_colour_around_it() -> None:
    picture = Image.new("RGB", (200, 100), (250, 240, 200))
    picture.paste((20, 30, 90), (50, 25, 150, 75))

    seen = preprocess(picture, photograph(SIZE, "letterbox")).astype(int)

    dark = seen[..., 0] < 128
    assert (dark.any(1).sum(), dark.any(0).sum()) == (16, 32)
    assert abs(np.argmax(dark.any(1)) - 24) <= 1
    assert (seen[[0, 10, -1]] == (250, 240, 200)).all()


def test_a_square_of_the_right_size_stays_as_it_is() -> None:
    picture = noise(2, (SIZE, SIZE))

    for fit in FITS:
        np.testing.assert_array_equal(preprocess(picture, photograph(SIZE, fit)), np.asarray(picture))


def test_another_size_keeps_how_photographs_fit() -> None:
    assert resized(photograph(SIZE, "letterbox"), 80) == photograph(80, "letterbox")
    assert photograph(160, "crop") == PHOTOGRAPH
    assert not PHOTOGRAPH.hints.grey


def test_a_recipe_without_its_fit_is_refused() -> None:
    with pytest.raises(PreprocessingUnknown, match="photograph lacks fit"):
        check(replace(PHOTOGRAPH, parameters={"min_edge": 64}))
