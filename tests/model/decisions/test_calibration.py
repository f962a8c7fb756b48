"""Temperature and threshold: pure functions of numbers."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from model.decisions.calibration import fit_temperature, negative_log_likelihood, softmax
from model.evaluation.metrics import calibration_error


def drawn(temperature: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from the softmax of these at `temperature`."""
    random = np.random.default_rng(7)
    logits = random.normal(0, 3, (count, 10))
    chances = softmax(logits, temperature).astype(np.float64).cumsum(1)
    return logits, (random.random((count, 1)) * chances[:, -1:] > chances).sum(1).astype(np.int64)


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(true: float) -> None:
    logits, labels = drawn(true)

    assert fit_temperature(logits, labels) == pytest.approx(true, rel=0.05)


def test_after_the_temperature_nine_in_ten_means_nine_in_ten() -> None:
    logits, labels = drawn(2.5)

    fitted = softmax(logits, fit_temperature(logits, labels))

    assert calibration_error(softmax(logits), labels) > 0.1
    assert calibration_error(fitted, labels) < 0.01


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (7, 4), elements=st.floats(-1e4, 1e4)), st.floats(0.05, 20))
def test_scores_are_probabilities_whose_order_no_temperature_changes(logits: np.ndarray, temperature: float) -> None:
    scores = softmax(logits, temperature)

    assert np.isfinite(scores).all()
    assert scores.sum(1) == pytest.approx(1, abs=1e-5)
    assert (np.take_along_axis(scores, logits.argmax(1)[:, None], 1)[:, 0] == scores.max(1)).all()


def test_the_likelihood_of_certainty_is_exact() -> None:
    assert negative_log_likelihood([[1e4, 0.0]], np.array([0]), 1.0) == 0
    assert negative_log_likelihood([[0.0, 0.0]], np.array([1]), 1.0) == pytest.approx(np.log(2))
