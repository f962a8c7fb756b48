"""Cross-layer equalization: the network stays the same, and its kernels lose less when rounded to int8."""

from typing import Any

import numpy as np
import pytest

from model.training import networks
from model.training.publishing import equalization
from model.training.train_step import logits
from tests.bundles import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1), dtype=np.uint8)


@pytest.fixture
def uneven() -> Any:
    """Build a network whose stem makes some channels 400 times as large as others, and the next kernel compensates."""
    built = networks.build("slim", size=28, channels=1, categories=10)
    normalisation, convolution = built.get_layer(index=3), built.get_layer(index=5)
    sizes = np.geomspace(0.05, 20, 16)
    normalisation.gamma.assign(sizes)
    normalisation.beta.assign(0.1 * sizes)
    convolution.kernel.assign(np.asarray(convolution.kernel) / sizes[:, None])
    return built


def test_equalizing_changes_no_answer(uneven: Any) -> None:
    before, kernel = logits(uneven, IMAGES), np.asarray(uneven.get_layer(index=5).kernel)

    equalization.equalize(uneven, IMAGES)

    np.testing.assert_allclose(logits(uneven, IMAGES), before, rtol=1e-4, atol=1e-4)
    assert np.abs(np.asarray(uneven.get_layer(index=5).kernel) - kernel).max() > 0.1


def test_rounding_after_it_changes_less(uneven: Any) -> None:
    true, weights = logits(uneven, IMAGES), uneven.get_weights()
    equalization.round_to_int8(uneven)
    as_it_was = np.square(logits(uneven, IMAGES) - true).mean()
    uneven.set_weights(weights)

    equalization.equalize(uneven, IMAGES)
    equalization.round_to_int8(uneven)

    assert 0 < np.square(logits(uneven, IMAGES) - true).mean() < as_it_was / 10


def test_a_rounded_kernel_has_255_levels_in_each_channel_and_no_weight_moves_further_than_half_a_step() -> None:
    kernel = np.random.default_rng(1).normal(size=(3, 3, 16, 8)).astype(np.float32) * np.geomspace(0.01, 1, 8)
    kernel[..., 3] = 0

    rounded = equalization.rounded(kernel.astype(np.float32))

    step = np.abs(kernel).max((0, 1, 2)) / 127
    assert (np.abs(rounded - kernel) <= 0.501 * step).all()
    levels = rounded / np.where(step > 0, step, 1)
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
    assert np.abs(levels).max((0, 1, 2)).tolist() == pytest.approx([127, 127, 127, 0, 127, 127, 127, 127])
    np.testing.assert_array_equal(equalization.rounded(rounded), rounded)


def test_small_kernels_stay_as_they_are() -> None:
    built = networks.build("slim", size=28, channels=1, categories=10)
    stem, dense = (np.asarray(layer.kernel) for layer in (built.get_layer(index=2), built.get_layer("logits")))

    equalization.round_to_int8(built)

    np.testing.assert_array_equal(np.asarray(built.get_layer(index=2).kernel), stem)
    assert np.abs(np.asarray(built.get_layer("logits").kernel) - dense).max() > 0


def test_a_channel_that_says_nothing_harms_nothing() -> None:
    built = networks.build("slim", size=28, channels=1, categories=10)
    built.get_layer(index=3).gamma.assign([0.0] * 3 + [1.0] * 13)
    before = logits(built, IMAGES)

    equalization.equalize(built, IMAGES)

    np.testing.assert_allclose(logits(built, IMAGES), before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "pairs"), [("slim", 5), ("fullres", 5), ("strided", 2), ("baseline", 0)])
def test_channels_that_something_else_reads_are_left_alone(name: str, pairs: int) -> None:
    built = networks.build(name, size=28, channels=1, categories=10)

    found_pairs = equalization._pairs(built)

    assert len(found_pairs) == pairs
    assert len({id(layer) for pair in found_pairs for layer in pair}) == 2 * pairs
