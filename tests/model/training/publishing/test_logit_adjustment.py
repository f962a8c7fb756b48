"""Logit adjustment: its strength is found on validation, and the logits change by it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from model.bundle import Bundle
from model.data.dataset import Dataset, pick
from model.decisions.calibration import softmax
from model.runtimes import LiteRT
from model.training import networks
from model.training.loop import train
from model.training.publishing import logit_adjustment
from model.training.publishing.publish import publish
from model.training.publishing.task import fashion_mnist
from model.training.recipe import Recipe
from model.training.train_step import logits
from tests.bundles import KERAS_AND_NUMPY

COUNTS = np.array([800, 400, 200, 100])
TRAINED = np.repeat(np.arange(4), COUNTS)
SHARES = logit_adjustment.log_shares(TRAINED, 4)


def validation(count: int = 4_000) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Logits that are right as they are, and labels drawn from them."""
    random = np.random.default_rng(3)
    right = random.normal(0, 2, (count, 4))
    chances = softmax(right).astype(np.float64).cumsum(1)
    return right, (random.random((count, 1)) * chances[:, -1:] > chances).sum(1)


def test_shares_are_logarithms_around_nothing() -> None:
    np.testing.assert_allclose(np.diff(SHARES), -np.log(2))
    assert SHARES.sum() == pytest.approx(0)


def test_a_category_that_training_never_showed_is_as_if_it_had_once() -> None:
    np.testing.assert_allclose(
        logit_adjustment.log_shares(TRAINED, 5)[3] - logit_adjustment.log_shares(TRAINED, 5)[4], np.log(100)
    )


@pytest.mark.parametrize("favoured", [0.0, 0.4, 1.0])
def test_the_strength_is_as_great_as_the_bias(favoured: float) -> None:
    right, labels = validation()

    # overconfident besides, as networks are
    assert logit_adjustment.strength(3 * (right + favoured * SHARES), labels, 3 * SHARES) == pytest.approx(
        favoured, abs=0.1
    )


def test_never_more_than_all_nor_less_than_nothing() -> None:
    right, labels = validation()

    assert logit_adjustment.strength(right + 3 * SHARES, labels, SHARES) == 1
    assert logit_adjustment.strength(right - 3 * SHARES, labels, SHARES) == 0


@pytest.mark.filterwarnings(KERAS_AND_NUMPY)
def test_the_logits_of_a_network_change_for_good() -> None:
    model = networks.build("strided", size=28, channels=1, categories=4)
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    before = logits(model, images)

    logit_adjustment.apply(model, 0.5 * SHARES)

    np.testing.assert_allclose(logits(model, images), before - 0.5 * SHARES, atol=1e-5)


@pytest.mark.filterwarnings(KERAS_AND_NUMPY)
def test_a_bundle_is_made_without_the_bias_and_keeps_its_strength(small_data: Dataset, tmp_path: Path) -> None:
    labels = small_data.train.labels
    fewer = np.concatenate([np.flatnonzero(labels == kind)[: 6 if kind < 5 else 30] for kind in range(10)])
    data = replace(small_data, train=pick(small_data.train, fewer))
    recipe = Recipe(epochs=2, batch=50, peak_rate=0.05, shift=0)
    trained = train(data, 10, recipe, checkpoint=tmp_path / "at.npz")
    shares = logit_adjustment.log_shares(data.train.labels, 10)
    logit_adjustment.apply(trained.model, -0.5 * shares)
    unadjusted = logits(trained.model, data.validation.images)

    bundle = publish(trained, data, recipe, tmp_path / "bars", fashion_mnist(data), mirror=False)

    strength = bundle.training["prior_taken_back"]
    assert 0.5 <= strength <= 1
    served = LiteRT(bundle.folder / "model.tflite", threads=1).run(data.validation.images)[:, :10]
    np.testing.assert_allclose(served, unadjusted - strength * shares, rtol=0.01, atol=0.3)


def test_where_all_are_as_frequent_nothing_is_adjusted(bars: Bundle) -> None:
    assert bars.training["prior_taken_back"] == 0
