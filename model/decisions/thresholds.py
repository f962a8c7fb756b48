"""Which predictions pass without a person: thresholds for a precision that is wanted, or for a number of reviews.

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

NOTHING_PASSES = 1.01
"""A threshold that no confidence reaches."""
PRIOR_IMAGES = 1000
"""How many of a category's own images weigh as much as what all categories say together (docs/research)."""
STEP = 0.001  # of precision, when the aim within categories is lowered
LEAST_WITHIN = 0.5
"""No category passes images of which half are wrong, however good the others are."""
UNSURE = 0.05  # the bound on precision is wrong in so many cases at most


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """What a shop wants: a precision of what passes, or at most a share of images to review, which then decides.

    With neither, a bundle's own thresholds hold.
    """

    target_precision: float | None = None
    review_budget: float | None = None

    def aim(self, made_for: float) -> float | None:
        """The precision that thresholds are chosen for, `made_for` if none is named; None: for a number of reviews."""
        return None if self.review_budget is not None else self.target_precision or made_for


AS_MADE = ReviewPolicy()


@dataclass(frozen=True, slots=True)
class ValidationOutcomes:
    """Of N validation images: confidence float64[N], predicted category int64[N], and whether it is right bool[N]."""

    confidence: Floats
    predicted: npt.NDArray[np.int64]
    correct: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, scores: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> "ValidationOutcomes":
        """From calibrated scores float32[N, K]."""
        predicted = scores.argmax(1)
        return cls(scores.max(1).astype(np.float64), predicted, predicted == labels)

    @classmethod
    def read(cls, path: Path) -> "ValidationOutcomes":
        with np.load(path, allow_pickle=False) as kept:
            return cls(kept["confidence"].astype(np.float64), kept["predicted"].astype(np.int64), kept["correct"])

    def write(self, path: Path) -> None:
        confidence, predicted = self.confidence.astype(np.float32), self.predicted.astype(np.uint16)
        np.savez_compressed(path, confidence=confidence, predicted=predicted, correct=self.correct)

    def passing(self, thresholds: Sequence[float]) -> npt.NDArray[np.bool_]:
        """bool[N]: at or above the threshold of the predicted category."""
        return self.confidence >= np.asarray(thresholds)[self.predicted]


def thresholds(outcome: ValidationOutcomes, categories: int, policy: ReviewPolicy) -> tuple[float, ...]:
    """A threshold for each category. Raises ValueError for a policy that wants nothing."""
    if policy.review_budget is not None:
        return (_for_budget(outcome, policy.review_budget),) * categories
    if policy.target_precision is None:
        raise ValueError("a policy needs a precision or a budget")
    return _for_precision(outcome, categories, policy.target_precision)


def promise(outcome: ValidationOutcomes, cuts: Sequence[float]) -> dict[str, Any]:
    """What validation says of these thresholds: share that passes, its precision, and a bound under it."""
    passing = outcome.passing(cuts)
    count, right = int(passing.sum()), int(outcome.correct[passing].sum())
    return {
        "images": count,
        "validation_coverage": round(count / len(passing), 4),
        "validation_precision": round(right / count, 4) if count else 0.0,
        "precision_lower_bound": round(lower_bound(right, count), 4),
    }


def lower_bound(right: int, count: int, unsure: float = UNSURE) -> float:
    """The share that is right in truth is at least this, but for `unsure` of all cases.

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
    """Probability of `right` or more successes in `count` trials."""
    wrong = np.arange(count - right + 1)
    ways = math.lgamma(count + 1) - np.array([math.lgamma(n + 1) + math.lgamma(count - n + 1) for n in wrong])
    return float(np.exp(ways + wrong * np.log1p(-share) + (count - wrong) * np.log(share)).sum())


def _for_budget(outcome: ValidationOutcomes, budget: float) -> float:
    """One cut: at most a share `budget` of validation lies below it."""
    ordered = np.sort(outcome.confidence)
    return float(ordered[min(int(budget * len(ordered)), len(ordered) - 1)])


def _for_precision(outcome: ValidationOutcomes, categories: int, target: float) -> tuple[float, ...]:
    """The lowest thresholds at which all that passes together has the precision wanted.

    Each category gets its own, by one precision within categories; that is lowered as far as the whole allows.
    """
    everything = _Curve.of(outcome, np.ones(len(outcome.correct), bool))
    curves = [_Curve.of(outcome, outcome.predicted == number).drawn_towards(everything) for number in range(categories)]
    found = (NOTHING_PASSES,) * categories
    for within in np.arange(1.0, LEAST_WITHIN, -STEP):
        lower = tuple(curve.lowest(1 - float(within)) for curve in curves)
        passing = outcome.passing(lower)
        if passing.any() and outcome.correct[passing].mean() >= target:
            found = lower
    return found


@dataclass(frozen=True, slots=True)
class _Curve:
    """Of some images, at each confidence that occurs, from the highest down: how many have at least that, float64[M],
    and the share of these that is wrong. Images of equal confidence pass together."""

    confidence: Floats
    taken: Floats
    error: Floats

    @classmethod
    def of(cls, outcome: ValidationOutcomes, chosen: npt.NDArray[np.bool_]) -> "_Curve":
        order = np.argsort(-outcome.confidence[chosen], kind="stable")
        wrong = np.cumsum(~outcome.correct[chosen][order])
        negated, counts = np.unique(-outcome.confidence[chosen], return_counts=True)
        taken = np.cumsum(counts)
        return cls(-negated, taken.astype(np.float64), wrong[taken - 1] / taken)

    def drawn_towards(self, everything: "_Curve") -> "_Curve":
        """As if PRIOR_IMAGES more had been wrong as often as of `everything`, whose confidences include these."""
        prior = everything.error[np.searchsorted(-everything.confidence, -self.confidence)]
        error = (self.error * self.taken + PRIOR_IMAGES * prior) / (self.taken + PRIOR_IMAGES)
        return _Curve(self.confidence, self.taken, error)

    def lowest(self, error: float) -> float:
        """The lowest confidence from which on at most the share `error` is wrong."""
        kept = np.flatnonzero(self.error <= error)
        return float(self.confidence[kept[-1]]) if len(kept) else NOTHING_PASSES
