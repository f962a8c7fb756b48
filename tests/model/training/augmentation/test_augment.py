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

    moved = augment.shift(white, np.random.default_rng(0), 2)[..., 0]

    assert {int(row) for row in (moved == 0).all(2).sum(1)} == {0, 1, 2}
    assert {int(column) for column in (moved == 0).all(1).sum(1)} == {0, 1, 2}


def test_erasing_leaves_most_of_an_image_and_some_images_whole() -> None:
    black = np.zeros((300, 28, 28, 1), np.uint8)

    touched = (augment.erase(black, np.random.default_rng(0), 0.5, 0.25) > 0).mean((1, 2, 3))

    assert (touched > 0).mean() == pytest.approx(0.5, abs=0.1)
    assert touched.max() < 0.35


# mixup


def coloured(count: int) -> np.ndarray:
    return np.stack([np.asarray(noise(seed, (8, 8))) for seed in range(count)])


def test_without_a_parameter_nothing_is_mixed() -> None:
    given = coloured(4)

    mixed, partners, share = augment.mixup(given, np.random.default_rng(0), 0.0)

    assert mixed is given
    assert partners.tolist() == [0, 1, 2, 3]
    assert share.tolist() == [1.0]


@pytest.mark.parametrize("seed", range(5))
def test_a_mixed_image_is_the_share_of_one_and_the_rest_of_another(seed: int) -> None:
    given = coloured(16)

    mixed, partners, share = augment.mixup(given, np.random.default_rng(seed), 0.4)

    assert sorted(partners.tolist()) == [*range(16)]
    assert 0.5 <= share[0] <= 1
    assert (mixed.dtype, share.dtype, share.shape) == (np.uint8, np.float32, (1,))
    np.testing.assert_allclose(mixed, share * given + (1 - share) * given[partners], atol=0.51)


def test_white_mixed_with_white_stays_white() -> None:
    white = np.full((4, 8, 8, 3), 255, np.uint8)

    assert (augment.mixup(white, np.random.default_rng(1), 1.0)[0] == 255).all()
