"""Review thresholds: chosen for a precision of what passes without review, or for a number of reviews.

A bundle keeps its `ValidationOutcomes`, so that thresholds can be chosen anew without training.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NOTHING_PASSES = 1.01  # a threshold that no confidence reaches
PRIOR_IMAGES = 1000
"""How many images of a category weigh as much as the error curve of all categories (docs/research)."""
STEP = 0.001  # of precision, when the aim within categories is lowered
LEAST_WITHIN = 0.5  # the least precision within a category, however good the others are
UNSURE = 0.05  # share of cases in which the bound on precision may be wrong


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """The shop's wish: a precision of what passes, or at most a share of images to review, which goes first.

    With neither, a bundle's own thresholds hold.
    """

    target_precision: float | None = None
    review_budget: float | None = None

    def aim(self, made_for: float) -> float | None:
        """Return the precision to choose thresholds for, by default `made_for`; None for a number of reviews."""
        return None if self.review_budget is not None else self.target_precision or made_for


AS_MADE = ReviewPolicy()


@dataclass(frozen=True, slots=True)
class ValidationOutcomes:
    """Outcomes on N validation images: confidence float64[N], predicted category int64[N], correct bool[N]."""

    confidence: Floats
    predicted: npt.NDArray[np.int64]
    correct: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, scores: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> "ValidationOutcomes":
        """Make outcomes of calibrated scores float32[N, K] and labels int64[N]."""
        predicted = scores.argmax(1)
        return cls(scores.max(1).astype(np.float64), predicted, predicted == labels)

    @classmethod
    def read(cls, path: Path) -> "ValidationOutcomes":
        with np.load(path, allow_pickle=False) as arrays:
            confidence, predicted = arrays["confidence"].astype(np.float64), arrays["predicted"].astype(np.int64)
            return cls(confidence, predicted, arrays["correct"])

    def write(self, path: Path) -> None:
        confidence, predicted = self.confidence.astype(np.float32), self.predicted.astype(np.uint16)
        np.savez_compressed(path, confidence=confidence, predicted=predicted, correct=self.correct)

    def passing(self, thresholds: Sequence[float]) -> npt.NDArray[np.bool_]:
        """Tell which confidences reach the threshold of the predicted category, bool[N]."""
        return self.confidence >= np.asarray(thresholds)[self.predicted]


def choose_thresholds(outcomes: ValidationOutcomes, categories: int, policy: ReviewPolicy) -> tuple[float, ...]:
    """Choose a threshold for each category. Raises ValueError for a policy that wants nothing."""
    if policy.review_budget is not None:
        return (_for_budget(outcomes, policy.review_budget),) * categories
    if policy.target_precision is None:
        raise ValueError("a policy needs a precision or a budget")
    return _for_precision(outcomes, categories, policy.target_precision)


def promise(outcomes: ValidationOutcomes, thresholds: Sequence[float]) -> dict[str, Any]:
    """Say what validation promises of thresholds: share that passes, its precision, and a lower bound of that."""
    passing = outcomes.passing(thresholds)
    count, right = int(passing.sum()), int(outcomes.correct[passing].sum())
    return {
        "images": count,
        "validation_coverage": round(count / len(passing), 4),
        "validation_precision": round(right / count, 4) if count else 0.0,
        "precision_lower_bound": round(lower_bound(right, count), 4),
    }


def lower_bound(right: int, count: int, unsure: float = UNSURE) -> float:
    """Return a bound that the true share of right answers is under in at most `unsure` of cases.

    Clopper and Pearson 1934, one-sided: the share at which `right` or more of `count` would be this unlikely.
    """
    if right == 0:
        return 0.0
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _at_least(right, count, middle) < unsure else (low, middle)
    return low


def _at_least(right: int, count: int, share: float) -> float:
    """Return the probability of `right` or more successes in `count` trials."""
    wrong = np.arange(count - right + 1)
    ways = math.lgamma(count + 1) - np.array([math.lgamma(n + 1) + math.lgamma(count - n + 1) for n in wrong])
    return float(np.exp(ways + wrong * np.log1p(-share) + (count - wrong) * np.log(share)).sum())


def _for_budget(outcomes: ValidationOutcomes, budget: float) -> float:
    """Return a threshold that at most a share `budget` of validation lies below."""
    ordered = np.sort(outcomes.confidence)
    return float(ordered[min(int(budget * len(ordered)), len(ordered) - 1)])


def _for_precision(outcomes: ValidationOutcomes, categories: int, target: float) -> tuple[float, ...]:
    """Choose the lowest thresholds at which all that passes together has the target precision.

    Each category gets its own, by one precision within categories; that is lowered as far as the whole allows.
    """
    everything = _Curve.of(outcomes, np.ones(len(outcomes.correct), bool))
    curves = [_Curve.of(outcomes, outcomes.predicted == label).drawn_towards(everything) for label in range(categories)]
    lowest = (NOTHING_PASSES,) * categories
    for within in np.arange(1.0, LEAST_WITHIN, -STEP):
        lower = tuple(curve.lowest(1 - float(within)) for curve in curves)
        passing = outcomes.passing(lower)
        if passing.any() and outcomes.correct[passing].mean() >= target:
            lowest = lower
    return lowest


@dataclass(frozen=True, slots=True)
class _Curve:
    """The error curve of some images: at each of M confidences, from the highest down, how many images reach it and the
    share of these that is wrong, float64[M] each. Images of equal confidence pass together.
    """

    confidence: Floats
    taken: Floats
    error: Floats

    @classmethod
    def of(cls, outcomes: ValidationOutcomes, chosen: npt.NDArray[np.bool_]) -> "_Curve":
        order = np.argsort(-outcomes.confidence[chosen], kind="stable")
        wrong = np.cumsum(~outcomes.correct[chosen][order])
        negated, counts = np.unique(-outcomes.confidence[chosen], return_counts=True)
        taken = np.cumsum(counts)
        return cls(-negated, taken.astype(np.float64), wrong[taken - 1] / taken)

    def drawn_towards(self, everything: "_Curve") -> "_Curve":
        """Mix in PRIOR_IMAGES images that are wrong as often as in `everything`, whose confidences include these."""
        prior = everything.error[np.searchsorted(-everything.confidence, -self.confidence)]
        error = (self.error * self.taken + PRIOR_IMAGES * prior) / (self.taken + PRIOR_IMAGES)
        return _Curve(self.confidence, self.taken, error)

    def lowest(self, error: float) -> float:
        """Return the lowest confidence from which on at most the share `error` is wrong."""
        indices = np.flatnonzero(self.error <= error)
        return float(self.confidence[indices[-1]]) if len(indices) else NOTHING_PASSES
