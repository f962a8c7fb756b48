"""Temperature and threshold: pure functions of numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.calibration import (
    NOTHING_PASSES,
    fit_temperature,
    negative_log_likelihood,
    softmax,
    threshold_for_precision,
)
from model.evaluation import calibration_error


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
@given(
    arrays(np.float64, (7, 4), elements=st.floats(-1e4, 1e4)),
    st.floats(0.05, 20),
)
def test_scores_are_probabilities_whose_order_no_temperature_changes(logits: np.ndarray, temperature: float) -> None:
    scores = softmax(logits, temperature)

    assert np.isfinite(scores).all()
    assert scores.sum(1) == pytest.approx(1, abs=1e-5)
    assert (np.take_along_axis(scores, logits.argmax(1)[:, None], 1)[:, 0] == scores.max(1)).all()


def test_the_likelihood_of_certainty_is_exact() -> None:
    assert negative_log_likelihood([[1e4, 0.0]], np.array([0]), 1.0) == 0
    assert negative_log_likelihood([[0.0, 0.0]], np.array([1]), 1.0) == pytest.approx(np.log(2))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans()), max_size=30),
    st.sampled_from([0.5, 0.9, 0.99]),
)
def test_the_threshold_is_the_lowest_that_keeps_the_precision(rows: list[tuple[float, bool]], goal: float) -> None:
    sure = np.array([row[0] for row in rows])
    right = np.array([row[1] for row in rows], bool)

    def holds(cut: float) -> bool:
        return bool((sure >= cut).any()) and bool(right[sure >= cut].mean() >= goal)

    found = threshold_for_precision(sure, right, goal)

    assert found == min((cut for cut in sure if holds(cut)), default=NOTHING_PASSES)


def test_where_no_threshold_is_good_enough_nothing_passes() -> None:
    assert threshold_for_precision([0.99, 1.0], [False, False], 0.9) == NOTHING_PASSES > 1
