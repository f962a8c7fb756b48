"""What confidence is worth: reliability, and how right the surest part is. Pure numpy."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

BINS = 15  # of the calibration error, as in Guo et al. 2017
COVERAGES = (0.8, 0.9, 0.95)

Scores = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Curve = npt.NDArray[np.float64]


def calibration_error(scores: Scores, labels: Labels) -> float:
    """Expected calibration error over equal-width bins of the top score (Guo et al. 2017, eq. 3)."""
    return float(sum(share * abs(sure - right) for share, sure, right in reliability(scores, labels)))


def reliability(scores: Scores, labels: Labels) -> list[tuple[float, float, float]]:
    """For each bin that holds images: its share of them, their mean confidence, the share of them that is right."""
    sure, right = scores.max(1).astype(np.float64), scores.argmax(1) == labels
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    groups = [place == number for number in range(BINS) if (place == number).any()]
    return [(float(inside.mean()), float(sure[inside].mean()), float(right[inside].mean())) for inside in groups]


def risk_coverage(scores: Scores, labels: Labels) -> Curve:
    """float64[N, 3]: coverage, threshold and precision when only the N surest images are tagged without review.

    Risk is one less precision (Geifman and El-Yaniv 2017, arXiv:1705.08500).
    """
    sure = scores.max(1).astype(np.float64)
    order = np.argsort(-sure, kind="stable")
    taken = np.arange(1, len(labels) + 1)
    right = np.cumsum((scores.argmax(1) == labels)[order])
    return np.column_stack([taken / len(labels), sure[order], right / taken])


def area_under(curve: Curve) -> float:
    """AURC: the mean risk over all coverages; 0 for a model whose mistakes are its least sure (none at all).

    Geifman, Uziel and El-Yaniv 2019 (arXiv:1805.08206).
    """
    return float(np.mean(1 - curve[:, 2]))


def accuracy_at(curve: Curve, coverages: Sequence[float] = COVERAGES) -> Mapping[str, float]:
    """The share that is right of the surest images, by how large a share of all those are ("0.80" …)."""
    count = len(curve)
    return {f"{share:.2f}": float(curve[max(0, int(np.ceil(share * count - 1e-9)) - 1), 2]) for share in coverages}
