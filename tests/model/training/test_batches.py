"""What each epoch of a training is made of."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from model.data.dataset import Dataset
from model.training.batches import Batches, joined
from model.training.recipe import Recipe

RECIPE = Recipe(epochs=3, batch=50, peak_rate=0.05, erase=0.0, shift=0)


def test_whole_epochs_hold_the_same_batches_in_the_same_order(small_data: Dataset) -> None:
    by_recipe = replace(RECIPE, shift=2, erase=0.5, imitate=0.5)
    one = Batches(small_data.train, by_recipe, 50)
    piecemeal = joined([*one.one_by_one(1)])

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
