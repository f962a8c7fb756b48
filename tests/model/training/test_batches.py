"""What each epoch of a training is made of."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from model.data.dataset import Dataset
from model.training.batches import Batches, joined
from model.training.recipe import Recipe

RECIPE = Recipe(epochs=3, batch=50, peak_rate=0.05, erase=0.0, shift=0)
SPARING = replace(RECIPE, spare=0.5, epochs=16)


def test_whole_epochs_hold_the_same_batches_in_the_same_order(small_data: Dataset) -> None:
    by_recipe = replace(RECIPE, shift=2, erase=0.5, imitate=0.5)
    one = Batches(small_data.train, by_recipe, 50)
    piecemeal = joined([*one.one_by_one(1)])

    with contextlib.closing(Batches(small_data.train, by_recipe, 50)) as other:
        first, second = other.whole(0), other.whole(1)

    np.testing.assert_array_equal(second.images, piecemeal.images)
    np.testing.assert_array_equal(second.labels, piecemeal.labels)
    assert (first.images != second.images).any()


def test_most_epochs_leave_out_easy_images_and_those_that_stay_weigh_more(small_data: Dataset) -> None:
    batches = Batches(small_data.train, SPARING, 10)
    losses = np.arange(300, dtype=np.float32)
    batches.learned(np.arange(300), losses)

    epoch = joined([*batches.one_by_one(1)])

    seen = np.sort(epoch.indices.ravel())
    assert len(np.unique(seen)) == len(seen) == 180  # of 300 four fifths are easy, and half of these are left out
    assert set(range(240, 300)) < set(seen.tolist())
    easy, hard = epoch.weights[epoch.indices < 240], epoch.weights[epoch.indices >= 240]
    np.testing.assert_allclose(easy, 2 * hard[0])
    np.testing.assert_allclose(epoch.weights.mean(), 1, rtol=1e-5)


def test_the_first_epoch_and_the_last_ones_leave_nothing_out(small_data: Dataset) -> None:
    batches = Batches(small_data.train, SPARING, 10)

    counts = [batches.count(epoch) for epoch in range(16)]

    assert counts == [30] + [18] * 13 + [30] * 2
    assert batches.before(16) == sum(counts)


def test_labels_are_smoothed_until_the_last_epochs(small_data: Dataset) -> None:
    smooth = replace(RECIPE, epochs=16, smoothing=0.2)

    usual, late = (
        [float(next(batches.one_by_one(epoch)).smoothing[0]) for epoch in range(16)]
        for batches in (Batches(small_data.train, each, 10) for each in (smooth, replace(smooth, smooth_late=True)))
    )

    assert usual == pytest.approx([0.2] * 14 + [0.0] * 2)
    assert late == pytest.approx([0.2] * 16)
