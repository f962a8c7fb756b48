"""Comparison of two bundles by the test images on which only one of them is right (McNemar 1947)."""

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from model import ModelError, bundle as bundles
from model.bundle import Bundle
from model.decisions.thresholds import ValidationOutcomes

SIGNIFICANT = 0.05  # the share of candidates that are no worse but are called worse is this at most


class NotComparable(ModelError):
    """Two bundles were not tested on the same images, or kept no test outcomes; the message says which."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A candidate beside the bundle it would replace, on the same N test images."""

    images: int
    both_right: int
    only_candidate: int
    only_incumbent: int

    @classmethod
    def of(cls, candidate: ValidationOutcomes, incumbent: ValidationOutcomes) -> "Comparison":
        """Compare outcomes on the same test images, in the same order."""
        new, old = candidate.correct, incumbent.correct
        counts = (int(np.sum(right)) for right in (new & old, new & ~old, old & ~new))
        return cls(len(new), *counts)

    @property
    def accuracy(self) -> float:
        """Accuracy of the candidate."""
        return (self.both_right + self.only_candidate) / self.images

    @property
    def accuracy_before(self) -> float:
        return (self.both_right + self.only_incumbent) / self.images

    @property
    def p_worse(self) -> float:
        """Probability that an equally good candidate does as badly, or worse."""
        return p_of_losing(self.only_incumbent, self.only_candidate + self.only_incumbent)

    @property
    def is_worse(self) -> bool:
        return self.p_worse < SIGNIFICANT

    def as_json(self) -> dict[str, Any]:
        return {
            "images": self.images,
            "accuracy": round(self.accuracy, 4),
            "accuracy_before": round(self.accuracy_before, 4),
            "only_candidate_right": self.only_candidate,
            "only_incumbent_right": self.only_incumbent,
            "p_worse": float(f"{self.p_worse:.3g}"),
        }


def p_of_losing(lost: int, decided: int) -> float:
    """Return the probability of losing `lost` or more of `decided` fair tosses: McNemar's exact test, one-sided.

    McNemar, Psychometrika 12, 1947: where two classifiers are equally good, each image that only one of them has right
    is as likely to be the one's as the other's. The binomial tail is summed in integers, so it is exact for few images.
    """
    ways, term = 0, comb(decided, lost)
    for losses in range(lost, decided + 1):
        ways += term
        term = term * (decided - losses) // (losses + 1)
    return ways / (1 << decided)


def compare(candidate: Bundle, incumbent: Bundle) -> Comparison:
    """Compare two bundles by the test outcomes that both kept. Raises NotComparable."""
    outcomes = [_test_outcomes(bundle) for bundle in (candidate, incumbent)]
    if candidate.metrics["test_data"] != incumbent.metrics["test_data"]:
        raise NotComparable(f"{candidate.id} and {incumbent.id} were tested on different images")
    return Comparison.of(*outcomes)


def _test_outcomes(bundle: Bundle) -> ValidationOutcomes:
    outcomes = bundles.test_outcomes(bundle)
    if outcomes is None or "test_data" not in bundle.metrics:
        raise NotComparable(f"{bundle.id} has kept no test outcome")
    return outcomes
