"""Operations that distort a photograph: a seed says which, none changes the size, and each has something to show."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from model.training.augmentation.augment import augment
from model.training.augmentation.rand_augment import OPERATIONS, Operation, rand_augment, shift_across, tint
from model.training.recipe import FINE_TUNING
from tests.model.pictures import garment, noise


def photographs(count: int = 8, size: int = 48) -> np.ndarray:
    """Draw soft patches of colour: uint8[N, size, size, 3]."""
    return np.stack([np.asarray(garment(seed, (size, size))) for seed in range(count)])


def random(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_which_operations_follows_from_the_seed() -> None:
    one, again, other = (rand_augment(photographs(), random(seed), 2, 0.5) for seed in (5, 5, 6))

    assert (one == again).all()
    assert (one != other).any()


def test_every_photograph_is_changed_and_keeps_its_shape() -> None:
    given = photographs(40)

    seen = rand_augment(given, random(), 2, 0.8)

    assert (seen.shape, seen.dtype) == (given.shape, given.dtype)
    assert (seen != given).any((1, 2, 3)).mean() > 0.9


def test_photographs_are_not_changed_together() -> None:
    alike = np.stack([photographs(1)[0]] * 30)

    seen = rand_augment(alike, random(), 1, 0.8)

    assert len(np.unique(seen.reshape(30, -1), axis=0)) > len(OPERATIONS)


def test_no_operation_and_no_photograph_are_nothing() -> None:
    np.testing.assert_array_equal(rand_augment(photographs(), random(), 0, 0.5), photographs())
    assert rand_augment(photographs()[:0], random(), 2, 0.5).shape == (0, 48, 48, 3)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_does_more_the_stronger_it_is(operation: Operation) -> None:
    given = [Image.blend(garment(seed, (80, 80)), noise(seed, (80, 80)), 0.2) for seed in range(20)]

    apart = [
        np.mean([np.abs(np.asarray(operation(picture, strength)).astype(int) - picture).mean() for picture in given])
        for strength in (0.2, 1.0)
    ]

    assert apart[0] < apart[1]
    assert apart[1] > 0.3


def test_a_shift_uncovers_the_corners_colour() -> None:
    ground = Image.new("RGB", (40, 40), (10, 160, 40))
    ground.paste((200, 20, 20), (10, 0, 40, 40))

    seen = np.asarray(shift_across(ground, 1.0))

    assert (seen[:, 28:] == (10, 160, 40)).all()
    assert (seen[:, :28] == (200, 20, 20)).all()


def test_a_warm_light_has_more_red_and_less_blue_than_a_cold_one() -> None:
    grey = Image.new("RGB", (4, 4), (100, 100, 100))

    assert tint(grey, 1.0).getpixel((0, 0)) == (130, 100, 70)
    assert tint(grey, -1.0).getpixel((0, 0)) == (70, 100, 130)


def test_a_recipe_that_distorts_changes_what_is_trained_on() -> None:
    recipe = replace(FINE_TUNING, size=40)

    plain, other = (augment(photographs(), random(), replace(recipe, distort=count)) for count in (0, 2))

    assert plain.shape == other.shape
    assert (plain != other).any((1, 2, 3)).mean() > 0.8
