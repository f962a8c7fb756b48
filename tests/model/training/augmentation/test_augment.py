"""Random changes to Fashion-MNIST's images."""

import numpy as np
import pytest

from model.training.augmentation import augment
from model.training.recipe import Recipe
from tests.model.pictures import noise


def images(count: int) -> np.ndarray:
    return np.stack([np.asarray(noise(seed, (28, 28), channels=1))[..., None] for seed in range(count)])


def test_augmentation_follows_from_its_seed_and_keeps_shape_and_type() -> None:
    runs = [augment.augment(images(8), np.random.default_rng(5), Recipe(shift=2, erase=0.5)) for _ in range(2)]

    assert (runs[0] == runs[1]).all()
    assert runs[0].shape == (8, 28, 28, 1)
    assert runs[0].dtype == np.uint8


def test_a_shift_moves_and_fills_with_black() -> None:
    white = np.full((200, 28, 28, 1), 255, np.uint8)

    moved = augment.shifted(white, np.random.default_rng(0), 2)[..., 0]

    assert {int(row) for row in (moved == 0).all(2).sum(1)} == {0, 1, 2}
    assert {int(column) for column in (moved == 0).all(1).sum(1)} == {0, 1, 2}


def test_erasing_leaves_most_of_an_image_and_some_images_whole() -> None:
    black = np.zeros((300, 28, 28, 1), np.uint8)

    touched = (augment.erased(black, np.random.default_rng(0), 0.5, 0.25) > 0).mean((1, 2, 3))

    assert (touched > 0).mean() == pytest.approx(0.5, abs=0.1)
    assert touched.max() < 0.35
