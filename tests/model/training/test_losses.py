"""The loss of labels, mixed and smoothed."""

import numpy as np
import pytest

from model.training import losses
from model.training.losses import Targets
from model.training.recipe import Recipe
from tests.bundles import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


def test_a_smoothed_label_asks_for_a_share_of_every_category() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1]], np.float32))

    targets = [
        Targets(np.array([0]), np.array([1]), share, smoothing) for share, smoothing in ((1, 0), (1, 0.3), (0.6, 0))
    ]
    lost = [float(losses.losses(target, logits, (), Recipe())[0]) for target in targets]

    assert lost[0] == pytest.approx(-np.log(0.7), rel=1e-5)
    assert lost[1] == pytest.approx(-0.8 * np.log(0.7) - 0.1 * np.log(0.2) - 0.1 * np.log(0.1), rel=1e-5)
    assert lost[2] == pytest.approx(-0.6 * np.log(0.7) - 0.4 * np.log(0.2), rel=1e-5)
