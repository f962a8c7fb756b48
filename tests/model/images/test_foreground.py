"""A garment told from what lies behind it."""

import numpy as np
import pytest
from PIL import Image

from model.images.foreground import Separation, garment
from tests.model.pictures import on_floor


def shrunk(picture: Image.Image, there: np.ndarray) -> tuple[Image.Image, np.ndarray]:
    small = picture.resize((42, 56), Image.Resampling.BOX)
    truth = Image.fromarray(there.astype(np.uint8) * 255).resize((42, 56), Image.Resampling.BOX)
    return small, np.asarray(truth) > 127


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    return float((mask & truth).sum() / (mask | truth).sum())


@pytest.mark.parametrize("cloth", [30, 90, 200, 250])
def test_a_garment_of_any_level_is_found_on_a_floor(cloth: int) -> None:
    picture, truth = shrunk(*on_floor(150, 60, garment=cloth))

    assert overlap(garment(picture, Separation()), truth) > 0.9


def test_it_is_found_by_its_colour_where_brightness_tells_nothing() -> None:
    pixels = np.full((56, 42, 3), (160, 120, 90), np.uint8)
    pixels[12:44, 10:32] = (90, 125, 185)
    brightness = np.asarray(Image.fromarray(pixels).convert("L"))
    truth = np.zeros((56, 42), bool)
    truth[12:44, 10:32] = True

    assert np.ptp(brightness) < 10
    assert overlap(garment(Image.fromarray(pixels), Separation()), truth) > 0.9


def test_both_shoes_of_a_pair_are_kept_and_a_thin_line_is_not() -> None:
    pixels = np.full((56, 42, 3), (150, 110, 80), np.uint8)
    truth = np.zeros((56, 42), bool)
    truth[10:46, 6:18] = truth[10:46, 24:36] = True
    pixels[truth] = (20, 20, 30)
    pixels[50:52, 4:38] = (20, 20, 30)

    mask = garment(Image.fromarray(pixels), Separation())

    assert overlap(mask, truth) > 0.95
    assert not mask[49:].any()


@pytest.mark.parametrize("size", [(1, 1), (1, 56), (56, 1), (5, 5)])
def test_the_smallest_pictures_get_some_mask(size: tuple[int, int]) -> None:
    mask = garment(Image.new("RGB", size, (9, 99, 200)), Separation())

    assert (mask.shape, mask.dtype) == (size[::-1], np.bool_)
