"""Is one bundle worse than another? Asked of the test images on which only one of the two is right (McNemar 1947)."""

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from model import ModelError
from model import bundle as bundles
from model.bundle import Bundle
from model.decisions.thresholds import ValidationOutcomes

SIGNIFICANT = 0.05
"""A candidate that is no worse is called worse in so many cases at most."""


class NotComparable(ModelError):
    """The two were not tested on the same images, or did not keep what came of it; the message says which."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A candidate beside the bundle it would replace, on the same N test images."""

    images: int
    both_right: int
    only_candidate: int
    only_incumbent: int

    @classmethod
    def of(cls, candidate: ValidationOutcomes, incumbent: ValidationOutcomes) -> "Comparison":
        """Both in the order of the same test images."""
        new, old = candidate.correct, incumbent.correct
        counts = (int(np.sum(each)) for each in (new & old, new & ~old, old & ~new))
        return cls(len(new), *counts)

    @property
    def accuracy(self) -> float:
        """The candidate's."""
        return (self.both_right + self.only_candidate) / self.images

    @property
    def accuracy_before(self) -> float:
        return (self.both_right + self.only_incumbent) / self.images

    @property
    def p_worse(self) -> float:
        """How likely the candidate looks so bad, or worse, if in truth it is as good."""
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
    """Probability to lose `lost` or more of `decided` fair tosses, exactly: McNemar's test, one-sided.

    McNemar, Psychometrika 12, 1947: where two classifiers are equally good, each image that only one of them has right
    is as likely to be the one's as the other's. The binomial tail is summed as integers, so it holds for few images.
    """
    ways, term = 0, comb(decided, lost)
    for losses in range(lost, decided + 1):
        ways += term
        term = term * (decided - losses) // (losses + 1)
    return ways / (1 << decided)


def compare(candidate: Bundle, incumbent: Bundle) -> Comparison:
    """On the test that both keep. Raises NotComparable."""
    outcomes = [_tested(each) for each in (candidate, incumbent)]
    if candidate.metrics["test_data"] != incumbent.metrics["test_data"]:
        raise NotComparable(f"{candidate.id} and {incumbent.id} were tested on different images")
    return Comparison.of(*outcomes)


def _tested(bundle: Bundle) -> ValidationOutcomes:
    outcomes = bundles.test_outcomes(bundle)
    if outcomes is None or "test_data" not in bundle.metrics:
        raise NotComparable(f"{bundle.id} has kept no test outcome")
    return outcomes
