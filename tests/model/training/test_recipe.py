"""What a recipe decides by itself: rates and smoothed labels."""

import numpy as np
import pytest

from model.training import losses
from model.training.losses import Targets
from model.training.recipe import Recipe, rate
from tests.bundles import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


def test_a_smoothed_label_asks_for_a_share_of_every_category() -> None:
    said = np.log(np.array([[0.7, 0.2, 0.1]], np.float32))

    wanted = [
        Targets(np.array([0]), np.array([1]), share, smoothing) for share, smoothing in ((1, 0), (1, 0.3), (0.6, 0))
    ]
    lost = [float(losses.losses(each, said, (), Recipe())[0]) for each in wanted]

    assert lost[0] == pytest.approx(-np.log(0.7), rel=1e-5)
    assert lost[1] == pytest.approx(-0.8 * np.log(0.7) - 0.1 * np.log(0.2) - 0.1 * np.log(0.1), rel=1e-5)
    assert lost[2] == pytest.approx(-0.6 * np.log(0.7) - 0.4 * np.log(0.2), rel=1e-5)


def test_the_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [rate(step, 100, Recipe(peak_rate=0.2, warmup=0.1)) for step in range(100)]

    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == pytest.approx(0.2)
    assert rates.index(max(rates)) in (9, 10)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


def test_few_steps_never_reach_the_peak() -> None:
    gentle = Recipe(peak_rate=0.2, warmup=0.1, warmup_steps=50)

    assert rate(0, 1, gentle) == pytest.approx(0.2 / 50)
    assert max(rate(step, 20, gentle) for step in range(20)) == pytest.approx(0.2 * 20 / 50)
    assert rate(49, 100, gentle) == pytest.approx(0.2)
