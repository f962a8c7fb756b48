"""Towers side by side: each is asked by itself in training, and their mean answers."""

from typing import Any

import numpy as np
import pytest

from model.training import losses, networks
from model.training.losses import Wanted
from model.training.recipe import Recipe
from model.training.towers import apart
from tests.model.conftest import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

IMAGES = np.random.default_rng(3).integers(0, 256, (5, 28, 28, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def twins() -> Any:
    return networks.build("twins", size=28, channels=1, categories=10)


def test_the_network_answers_with_the_mean_of_its_towers(twins: Any) -> None:
    each = [np.asarray(logits) for logits in apart(twins)(IMAGES)]

    assert [logits.shape for logits in each] == [(5, 10), (5, 10)]
    assert np.abs(each[0] - each[1]).max() > 1e-3
    np.testing.assert_allclose(sum(each) / 2, np.asarray(twins(IMAGES)), atol=1e-5)


def test_a_tower_does_not_hear_the_other(twins: Any) -> None:
    by_tower = apart(twins)
    before = [np.asarray(logits) for logits in by_tower(IMAGES)]
    kernel = twins.get_layer("logits").kernel
    changed = np.asarray(kernel).copy()
    changed[len(changed) // 2 :] += 1

    kernel.assign(changed)

    first, second = (np.asarray(logits) for logits in by_tower(IMAGES))
    np.testing.assert_array_equal(first, before[0])
    assert np.abs(second - before[1]).max() > 1e-3


def test_training_them_apart_trains_the_networks_own_variables(twins: Any) -> None:
    mine, its = apart(twins).trainable_variables, twins.trainable_variables

    assert [id(each) for each in mine] == [id(each) for each in its]


def test_what_towers_lose_is_the_mean_of_what_each_loses() -> None:
    wanted = Wanted(np.array([1, 0]), np.array([1, 0]), 1.0, 0.1)
    said = [np.array([[1.0, 2.0], [0.5, 0.0]], np.float32), np.array([[0.0, 1.0], [2.0, -1.0]], np.float32)]
    taught, recipe = [np.array([[0.0, 3.0], [1.0, 0.0]], np.float32)], Recipe()

    both = np.asarray(losses.losses(wanted, said, taught, recipe))

    alone = [np.asarray(losses.losses(wanted, each, taught, recipe)) for each in said]
    np.testing.assert_allclose(both, np.mean(alone, 0), rtol=1e-6)


def test_a_network_without_towers_stays_as_it_is() -> None:
    plain = networks.build("strided", size=28, channels=1, categories=10)

    assert apart(plain) is plain
