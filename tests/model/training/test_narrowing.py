"""A network that begins at the weights of a wider one."""

from typing import Any

import numpy as np
import pytest

from model.training import networks
from model.training.narrowing import OtherDesign, take_over
from model.training.train_step import logits
from tests.model.conftest import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)


def built(name: str) -> Any:
    return networks.build(name, size=28, channels=1, categories=10)


def test_channels_of_no_effect_are_those_left_out() -> None:
    wide, narrow = built("fullres"), built("slim")
    random = np.random.default_rng(1)
    normalisations = [
        [each for each in model.layers if each.__class__.__name__ == "BatchNormalization"] for model in (wide, narrow)
    ]
    left_out = 0
    for old, new in zip(*normalisations, strict=True):
        many, few = old.gamma.shape[0], new.gamma.shape[0]
        silent = random.permutation(many)[few:]
        factors = random.uniform(0.5, 1.5, many).astype(np.float32)
        factors[silent] = 0
        old.gamma.assign(factors)
        left_out += len(silent)

    take_over(wide, narrow)

    assert left_out == 8 + 16 + 32
    np.testing.assert_allclose(logits(narrow, IMAGES), logits(wide, IMAGES), atol=1e-4)


def test_of_as_many_channels_all_are_taken() -> None:
    one, other = built("slim"), built("slim")

    take_over(one, other)

    np.testing.assert_array_equal(logits(other, IMAGES), logits(one, IMAGES))


@pytest.mark.parametrize(("wide", "narrow"), [("slim", "fullres"), ("fullres", "residual"), ("baseline", "slim")])
def test_a_network_of_another_design_or_with_fewer_channels_is_refused(wide: str, narrow: str) -> None:
    model = built(narrow)
    before = logits(model, IMAGES)

    with pytest.raises(OtherDesign):
        take_over(built(wide), model)

    np.testing.assert_array_equal(logits(model, IMAGES), before)


def test_fewer_categories_cannot_be_chosen_from_more() -> None:
    wide = networks.build("slim", size=28, channels=1, categories=12)

    with pytest.raises(OtherDesign):
        take_over(wide, built("slim"))
