"""Mixed images, weighed categories, and what makes one recipe another."""

from dataclasses import replace

import numpy as np
import pytest

from model.data.dataset import Split
from model.training.augmentation.augment import mixed_up
from model.training.batches import Batches, balanced, joined
from model.training.recipe import FINE_TUNING, RECIPES, Recipe, changed, fine_tuning
from tests.model.pictures import noise

LABELS = np.array([0] * 60 + [1] * 30 + [2] * 10)


def images(count: int) -> np.ndarray:
    return np.stack([np.asarray(noise(seed, (8, 8))) for seed in range(count)])


def test_without_a_parameter_nothing_is_mixed() -> None:
    given = images(4)

    mixed, partners, share = mixed_up(given, np.random.default_rng(0), 0.0)

    assert mixed is given
    assert partners.tolist() == [0, 1, 2, 3]
    assert share.tolist() == [1.0]


@pytest.mark.parametrize("seed", range(5))
def test_a_mixed_image_is_the_share_of_one_and_the_rest_of_another(seed: int) -> None:
    given = images(16)

    mixed, partners, share = mixed_up(given, np.random.default_rng(seed), 0.4)

    assert sorted(partners.tolist()) == [*range(16)]
    assert 0.5 <= share[0] <= 1
    assert (mixed.dtype, share.dtype, share.shape) == (np.uint8, np.float32, (1,))
    np.testing.assert_allclose(mixed, share * given + (1 - share) * given[partners], atol=0.51)


def test_white_mixed_with_white_stays_white() -> None:
    white = np.full((4, 8, 8, 3), 255, np.uint8)

    assert (mixed_up(white, np.random.default_rng(1), 1.0)[0] == 255).all()


def test_a_batch_names_the_labels_that_were_mixed_in() -> None:
    levels = np.repeat(np.arange(100, dtype=np.uint8), 64 * 3).reshape(100, 8, 8, 3)
    recipe = replace(FINE_TUNING, size=8, mixup=0.5, crop=1.0, turn=0.0, colour=0.0, distort=0, epochs=2)

    chunk = joined([*Batches(Split(levels, np.arange(100)), recipe, 20).one_by_one(0)])

    share = chunk.share[:, None]
    expected = share * chunk.labels + (1 - share) * chunk.others
    np.testing.assert_allclose(chunk.images[..., 0, 0, 0], expected, atol=0.51)
    assert (chunk.others != chunk.labels).any()


def test_balanced_categories_weigh_the_same_and_images_one_on_average() -> None:
    weights = balanced(LABELS, 1.0)

    assert [weights[kind == LABELS].sum() for kind in range(3)] == pytest.approx([100 / 3] * 3, rel=1e-5)
    assert weights.mean() == pytest.approx(1)
    assert weights.dtype == np.float32


def test_half_a_balance_lies_between_and_none_leaves_every_image_alike() -> None:
    half = balanced(LABELS, 0.5)

    assert half[-1] / half[0] == pytest.approx(6**0.5, rel=1e-5)
    assert balanced(LABELS, 0.0).tolist() == [1.0] * 100


def test_a_category_without_images_does_not_matter_to_the_others() -> None:
    assert balanced(np.array([0, 0, 2]), 1.0) == pytest.approx([0.75, 0.75, 1.5])


def test_batches_carry_the_balance() -> None:
    split = Split(np.zeros((100, 8, 8, 3), np.uint8), LABELS)

    chunk = joined([*Batches(split, replace(FINE_TUNING, size=8, balance=1.0), 20).one_by_one(0)])

    of_category = balanced(LABELS, 1.0)[[0, 60, 90]]
    np.testing.assert_allclose(chunk.weights, of_category[chunk.labels])


def test_a_recipe_is_told_by_what_differs_from_the_defaults() -> None:
    assert changed(Recipe()) == {}
    assert changed(Recipe(epochs=3, teachers=("a",))) == {"epochs": 3, "teachers": ("a",)}
    assert Recipe(**changed(FINE_TUNING)) == FINE_TUNING


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"])
def test_each_backbone_is_fine_tuned_by_its_own_recipe(name: str) -> None:
    recipe = fine_tuning(name, size=96, balance=0.5)

    assert recipe == replace(RECIPES[name], size=96, served=112, balance=0.5)
    assert recipe.network == name
