"""What each epoch of a training is made of."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from model.data.dataset import Dataset, Split
from model.training.batches import Batches, balance, join
from model.training.recipe import FINE_TUNING, Recipe

LABELS = np.array([0] * 60 + [1] * 30 + [2] * 10)
RECIPE = Recipe(epochs=3, batch=50, peak_rate=0.05, erase=0.0, shift=0)


def test_whole_epochs_hold_the_same_batches_in_the_same_order(small_data: Dataset) -> None:
    by_recipe = replace(RECIPE, shift=2, erase=0.5, imitate=0.5)
    one = Batches(small_data.train, by_recipe, 50)
    piecemeal = join([*one.one_by_one(1)])

    with contextlib.closing(Batches(small_data.train, by_recipe, 50)) as other:
        first, second = other.whole(0), other.whole(1)

    np.testing.assert_array_equal(second.images, piecemeal.images)
    np.testing.assert_array_equal(second.labels, piecemeal.labels)
    assert (first.images != second.images).any()


def test_labels_are_smoothed_until_the_last_epochs(small_data: Dataset) -> None:
    smooth = replace(RECIPE, epochs=16, smoothing=0.2)

    batches = Batches(small_data.train, smooth, 10)
    shares = [float(next(batches.one_by_one(epoch)).smoothing[0]) for epoch in range(16)]

    assert shares == pytest.approx([0.2] * 14 + [0.0] * 2)


def test_a_batch_names_the_labels_that_were_mixed_in() -> None:
    levels = np.repeat(np.arange(100, dtype=np.uint8), 64 * 3).reshape(100, 8, 8, 3)
    recipe = replace(FINE_TUNING, size=8, mixup=0.5, crop=1.0, turn=0.0, colour=0.0, distort=0, epochs=2)

    chunk = join([*Batches(Split(levels, np.arange(100)), recipe, 20).one_by_one(0)])

    share = chunk.share[:, None]
    expected = share * chunk.labels + (1 - share) * chunk.others
    np.testing.assert_allclose(chunk.images[..., 0, 0, 0], expected, atol=0.51)
    assert (chunk.others != chunk.labels).any()


def test_balanced_categories_weigh_the_same_and_images_one_on_average() -> None:
    weights = balance(LABELS, 1.0)

    assert [weights[kind == LABELS].sum() for kind in range(3)] == pytest.approx([100 / 3] * 3, rel=1e-5)
    assert weights.mean() == pytest.approx(1)
    assert weights.dtype == np.float32


def test_half_a_balance_lies_between_and_none_leaves_every_image_alike() -> None:
    half = balance(LABELS, 0.5)

    assert half[-1] / half[0] == pytest.approx(6**0.5, rel=1e-5)
    assert balance(LABELS, 0.0).tolist() == [1.0] * 100


def test_a_category_without_images_does_not_matter_to_the_others() -> None:
    assert balance(np.array([0, 0, 2]), 1.0) == pytest.approx([0.75, 0.75, 1.5])


def test_batches_carry_the_balance() -> None:
    split = Split(np.zeros((100, 8, 8, 3), np.uint8), LABELS)

    chunk = join([*Batches(split, replace(FINE_TUNING, size=8, balance=1.0), 20).one_by_one(0)])

    of_category = balance(LABELS, 1.0)[[0, 60, 90]]
    np.testing.assert_allclose(chunk.weights, of_category[chunk.labels])
