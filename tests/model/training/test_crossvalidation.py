"""Folds and seeds: every image is held out once, and what is finished is not done again."""

from pathlib import Path

import numpy as np
import pytest

from model.data.dataset import Dataset
from model.training import crossvalidation
from model.training.crossvalidation import Spread
from model.training.loop import Progress
from model.training.recipe import Recipe

RECIPE = Recipe(epochs=1, batch=50, shift=0)


def test_every_image_is_held_out_once_and_each_category_evenly(small_data: Dataset) -> None:
    parts = list(crossvalidation.folds(small_data, RECIPE, 4))

    held = np.concatenate([part.data.validation.images for part in parts]).reshape(400, -1)
    everything = np.concatenate([small_data.train.images, small_data.validation.images]).reshape(400, -1)
    assert sorted(held.tolist()) == sorted(everything.tolist())
    assert [np.bincount(part.data.validation.labels).tolist() for part in parts] == [[10] * 10] * 4
    assert len({part.data.digest for part in parts}) == 4
    assert all(part.data.test is small_data.test for part in parts)


def test_seeds_count_up_from_the_recipes_own(small_data: Dataset) -> None:
    parts = list(crossvalidation.seeds(small_data, Recipe(seed=5), 3))

    assert [(part.name, part.recipe.seed) for part in parts] == [("seed 5", 5), ("seed 6", 6), ("seed 7", 7)]


def test_mean_and_spread_are_those_of_the_parts() -> None:
    spread = Spread({"fold 1": 0.9, "fold 2": 0.94})

    assert spread.mean == pytest.approx(0.92)
    assert spread.deviation == pytest.approx(0.02 * 2**0.5)
    assert spread.as_json()["accuracies"] == {"fold 1": 0.9, "fold 2": 0.94}


def test_finished_parts_are_taken_from_their_checkpoints(small_data: Dataset, tmp_path: Path) -> None:
    parts = list(crossvalidation.folds(small_data, RECIPE, 2))
    first = crossvalidation.measure(parts, 10, folder=tmp_path)
    epochs: list[Progress] = []

    again = crossvalidation.measure(
        parts, 10, folder=tmp_path, resume=True, report=lambda _, progress: epochs.append(progress)
    )

    assert again == first
    assert set(first.accuracies) == {"fold 1", "fold 2"}
    assert epochs == []
