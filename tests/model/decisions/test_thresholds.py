"""Thresholds from what people want, and what validation lets us promise about them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from model.decisions.thresholds import (
    AS_MADE,
    NOTHING_PASSES,
    ReviewPolicy,
    ValidationOutcomes,
    choose_thresholds,
    lower_bound,
    promise,
)

EASY, HARD = 0, 1


def drawn(images: int, seed: int = 0) -> ValidationOutcomes:
    """Calibrated by construction: an image of confidence p is right with probability p; the hard kind is less sure."""
    random = np.random.default_rng(seed)
    predicted = random.integers(0, 2, images)
    confidence = np.where(predicted == EASY, 1 - 0.1 * random.uniform(size=images) ** 4, random.uniform(0.5, 1, images))
    return ValidationOutcomes(confidence, predicted, random.uniform(size=images) < confidence)


def precision(outcomes: ValidationOutcomes, cuts: tuple[float, ...]) -> float:
    return float(outcomes.correct[outcomes.passing(cuts)].mean())


@pytest.mark.parametrize("target", [0.95, 0.98, 0.99])
def test_what_passes_has_the_precision_that_was_asked_for(target: float) -> None:
    outcomes = drawn(20_000)

    cuts = choose_thresholds(outcomes, 2, ReviewPolicy(target_precision=target))

    assert precision(outcomes, cuts) >= target
    assert precision(drawn(50_000, seed=1), cuts) == pytest.approx(target, abs=0.01)


def test_a_harder_category_has_the_higher_threshold() -> None:
    cuts = choose_thresholds(drawn(20_000), 2, ReviewPolicy(target_precision=0.99))

    assert cuts[HARD] > cuts[EASY]


def test_a_higher_precision_passes_fewer_images() -> None:
    outcomes = drawn(20_000)

    passing = [
        outcomes.passing(choose_thresholds(outcomes, 2, ReviewPolicy(target_precision=target))).mean()
        for target in (0.9, 0.95, 0.98, 0.99)
    ]

    assert passing == sorted(passing, reverse=True)


def test_images_of_equal_confidence_pass_together() -> None:
    saturated = ValidationOutcomes(
        np.full(1_000, 1.0), np.zeros(1_000, np.int64), np.arange(1_000) >= 20
    )  # 98 % are right

    assert choose_thresholds(saturated, 1, ReviewPolicy(target_precision=0.95)) == (1.0,)
    assert choose_thresholds(saturated, 1, ReviewPolicy(target_precision=0.99)) == (NOTHING_PASSES,)


def test_a_category_never_predicted_passes_nothing() -> None:
    cuts = choose_thresholds(drawn(1_000), 3, ReviewPolicy(target_precision=0.9))

    assert cuts[2] == NOTHING_PASSES


def test_a_precision_out_of_reach_passes_nothing() -> None:
    wrong = ValidationOutcomes(np.full(100, 0.9), np.zeros(100, np.int64), np.zeros(100, bool))

    assert choose_thresholds(wrong, 1, ReviewPolicy(target_precision=0.99)) == (NOTHING_PASSES,)


@settings(deadline=None)  # machines are shared: time says nothing
@given(budget=st.floats(0, 1), seed=st.integers(0, 20))
def test_a_budget_is_never_overdrawn(budget: float, seed: int) -> None:
    outcomes = drawn(200, seed)

    cuts = choose_thresholds(outcomes, 2, ReviewPolicy(review_budget=budget))

    assert len(set(cuts)) == 1
    assert (~outcomes.passing(cuts)).mean() <= budget + 1 / 200


def test_a_budget_decides_over_a_precision() -> None:
    outcomes = drawn(1_000)

    both = choose_thresholds(outcomes, 2, ReviewPolicy(target_precision=0.99, review_budget=0.2))

    assert both == choose_thresholds(outcomes, 2, ReviewPolicy(review_budget=0.2))


def test_a_policy_that_wants_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a precision or a budget"):
        choose_thresholds(drawn(10), 2, AS_MADE)


@pytest.mark.parametrize(
    ("right", "count", "bound"),
    [
        (0, 10, 0.0),
        (10, 10, 0.05 ** (1 / 10)),  # all right: the bound has a closed form
        (95, 100, 0.897747),  # scipy.stats.beta.ppf(0.05, 95, 6)
        (4_400, 4_444, 0.987288),  # scipy.stats.beta.ppf(0.05, 4400, 45)
    ],
)
def test_the_lower_bound_is_clopper_and_pearsons(right: int, count: int, bound: float) -> None:
    assert lower_bound(right, count) == pytest.approx(bound, abs=1e-5)


def test_the_promise_counts_what_passes() -> None:
    outcomes = ValidationOutcomes(
        np.array([0.99, 0.9, 0.6, 0.5]), np.array([0, 1, 0, 1]), np.array([True, True, False, True])
    )

    promised = promise(outcomes, (0.7, 0.4))

    assert promised["images"] == 3
    assert promised["validation_coverage"] == 0.75
    assert promised["validation_precision"] == 1.0
    assert promised["precision_lower_bound"] == pytest.approx(0.05 ** (1 / 3), abs=1e-4)


def test_an_outcome_comes_back_from_its_file(tmp_path: Path) -> None:
    outcomes = drawn(50)

    outcomes.write(tmp_path / "validation.npz")
    back = ValidationOutcomes.read(tmp_path / "validation.npz")

    np.testing.assert_allclose(back.confidence, outcomes.confidence, rtol=1e-6)
    np.testing.assert_array_equal(back.predicted, outcomes.predicted)
    np.testing.assert_array_equal(back.correct, outcomes.correct)
