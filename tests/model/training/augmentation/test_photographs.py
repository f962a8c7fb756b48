"""Photographs changed at random: a seed says it all, and what is switched off changes nothing."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from model.training.augmentation.augment import augment
from model.training.augmentation.photographs import augment_photographs, relight
from model.training.recipe import FINE_TUNING, Recipe
from tests.model.pictures import garment

SIZE = 40
STILL = replace(FINE_TUNING, size=SIZE, crop=1.0, turn=0.0, colour=0.0, distort=0, mirror=False)


def photographs(count: int = 6, size: int = 50) -> np.ndarray:
    """Draw soft patches of colour: uint8[N, size, size, 3]."""
    return np.stack([np.asarray(garment(seed, (size, size))) for seed in range(count)])


def random(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_it_follows_from_its_seed_and_has_the_recipes_size() -> None:
    recipe = replace(FINE_TUNING, size=SIZE)

    one, again, other = (augment(photographs(), random(seed), recipe) for seed in (5, 5, 6))

    assert one.shape == (6, SIZE, SIZE, 3)
    assert one.dtype == np.uint8
    assert (one == again).all()
    assert (one != other).any()


def test_without_a_size_in_the_recipe_that_of_the_photographs_stays() -> None:
    assert augment_photographs(photographs(), random(), replace(FINE_TUNING, size=0)).shape == (6, 50, 50, 3)


def test_with_everything_off_the_photograph_itself_is_left() -> None:
    same = augment_photographs(photographs(), random(), replace(STILL, size=50))

    np.testing.assert_array_equal(same, photographs())


def test_with_everything_off_another_size_is_that_of_a_resize() -> None:
    small = augment_photographs(photographs(), random(), STILL)

    resized = [Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR) for image in photographs()]
    np.testing.assert_allclose(small, np.stack([np.asarray(image) for image in resized]).astype(int), atol=6)


def test_half_of_the_photographs_are_mirrored_to_the_pixel() -> None:
    given = photographs(40)

    seen = augment_photographs(given, random(), replace(STILL, size=50, mirror=True))

    mirrored = [(now == before[:, ::-1]).all() for now, before in zip(seen, given, strict=True)]
    as_before = [(now == before).all() for now, before in zip(seen, given, strict=True)]
    assert [*np.logical_xor(mirrored, as_before)] == [True] * 40
    assert 10 < sum(mirrored) < 30


@pytest.mark.parametrize("crop", [0.25, 0.6])
def test_a_cut_out_has_the_share_of_the_area_that_was_asked_for(crop: float) -> None:
    across, down = np.meshgrid(np.linspace(0, 200, 80), np.linspace(0, 200, 80))
    places = np.stack([across, down, np.zeros_like(across)], -1).round().astype(np.uint8)

    seen = augment_photographs(np.stack([places] * 200), random(), replace(STILL, crop=crop)).astype(int)

    width, height = (np.ptp(seen[..., at], axis=(1, 2)) / 200 for at in (0, 1))
    area = width * height
    assert area.min() > 0.9 * crop  # the outermost pixels are half a pixel inside of what is cut out
    assert area.min() < 1.1 * crop
    assert area.max() > 0.85
    assert 0.7 < (width / height).min() < 0.85 < 1.2 < (width / height).max() < 1.4


def test_what_a_turn_uncovers_has_the_colour_of_the_photographs_corner() -> None:
    green = np.zeros((20, 50, 50, 3), np.uint8)
    green[:] = (10, 160, 40)
    green[:, 10:40, 10:40] = (200, 20, 20)

    turned = augment_photographs(green, random(), replace(STILL, turn=30.0))

    assert (turned[:, [0, 0, -1, -1], [0, -1, 0, -1]] == (10, 160, 40)).all()
    assert len(np.unique(turned.reshape(20, -1), axis=0)) == 20


def test_a_turn_keeps_the_middle_where_it_is() -> None:
    dot = np.zeros((20, 51, 51, 3), np.uint8)
    dot[:, 24:27, 24:27] = 255

    turned = augment_photographs(dot, random(), replace(STILL, size=51, turn=45.0))

    assert (turned[:, 25, 25] > 200).all()


def test_grey_stays_grey_in_another_light() -> None:
    grey = np.repeat(photographs()[..., :1], 3, axis=-1)

    seen = relight(grey, random(), 0.5).astype(int)

    assert np.ptp(seen, axis=-1).max() <= 1
    assert np.abs(seen - grey).mean() > 3


def test_a_colour_keeps_its_hue_in_another_light() -> None:
    teal = np.full((30, 8, 8, 3), (60, 120, 110), np.uint8)

    seen = relight(teal, random(), 0.3)[:, 0, 0]

    hues = [colorsys.rgb_to_hsv(*map(float, colour))[0] for colour in seen]
    np.testing.assert_allclose(hues, colorsys.rgb_to_hsv(60, 120, 110)[0], atol=0.02)
    assert np.ptp(seen.astype(int), axis=0).min() > 20


def test_black_and_white_do_not_overflow_in_any_light() -> None:
    halves = np.zeros((100, 8, 8, 3), np.uint8)
    halves[:, 4:] = 255

    seen = relight(halves, random(), 0.5).astype(int)

    assert (seen[:, 4:] > seen[:, :4]).all()
    assert seen[:, :4].max() < 128


def test_no_light_at_all_changes_nothing() -> None:
    np.testing.assert_array_equal(relight(photographs(), random(), 0.0), photographs())


def test_photographs_may_be_partly_erased_too() -> None:
    given = photographs(40)
    recipe = Recipe(size=50, mirror=False, erase=0.5)

    touched = (augment(given, random(), recipe) != given).any(-1).mean((1, 2))

    assert 10 < (touched > 0).sum() < 30
    assert touched.max() < 0.35
