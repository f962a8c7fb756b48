"""How good a model is: figures from scores and labels. Pure numpy."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 15  # of the calibration error, as in Guo et al. 2017

Scores = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures over N labelled images. `ece` is the expected calibration error; `coverage` the share of images that
    pass the threshold without review, `precision` the share of these that are right."""

    images: int
    accuracy: float
    macro_f1: float
    f1: dict[str, float]
    ece_before: float
    ece: float
    coverage: float
    precision: float

    def as_json(self) -> dict[str, Any]:
        """Rounded to what the numbers are worth."""
        return {
            key: {name: round(f1, 4) for name, f1 in value.items()} if key == "f1" else round(value, 4)
            for key, value in asdict(self).items()
        }


def evaluate(
    uncalibrated: Scores, scores: Scores, labels: Labels, thresholds: npt.ArrayLike, categories: tuple[str, ...]
) -> Evaluation:
    """Scores float32[N, K] before and after calibration, labels int64[N], thresholds float[K] -> figures."""
    counts = confusion(scores, labels)
    per_category = f1_scores(counts)
    passing = scores.max(1) >= np.asarray(thresholds)[scores.argmax(1)]
    right = scores.argmax(1) == labels
    return Evaluation(
        images=len(labels),
        accuracy=float(right.mean()),
        macro_f1=float(per_category.mean()),
        f1=dict(zip(categories, per_category.tolist(), strict=True)),
        ece_before=calibration_error(uncalibrated, labels),
        ece=calibration_error(scores, labels),
        coverage=float(passing.mean()),
        precision=float(right[passing].mean()) if passing.any() else 0.0,
    )


def confusion(scores: Scores, labels: Labels) -> npt.NDArray[np.int64]:
    """int64[K, K]: rows are true categories, columns predicted ones."""
    counts = np.zeros((scores.shape[1], scores.shape[1]), np.int64)
    np.add.at(counts, (labels, scores.argmax(1)), 1)
    return counts


def f1_scores(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64[K] from a confusion matrix; 0 for a category neither seen nor predicted."""
    found = counts.sum(0) + counts.sum(1)
    scores: npt.NDArray[np.float64] = np.divide(
        2 * counts.diagonal(), found, out=np.zeros(len(counts)), where=found > 0
    )
    return scores


def calibration_error(scores: Scores, labels: Labels) -> float:
    """Expected calibration error over equal-width bins of the top score (Guo et al. 2017, eq. 3)."""
    return float(sum(share * abs(sure - right) for share, sure, right in reliability(scores, labels)))


def reliability(scores: Scores, labels: Labels) -> list[tuple[float, float, float]]:
    """For each bin that holds images: its share of them, their mean confidence, the share of them that is right."""
    sure, right = scores.max(1).astype(np.float64), scores.argmax(1) == labels
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    groups = [place == number for number in range(BINS) if (place == number).any()]
    return [(float(inside.mean()), float(sure[inside].mean()), float(right[inside].mean())) for inside in groups]


def risk_coverage(scores: Scores, labels: Labels) -> npt.NDArray[np.float64]:
    """float64[N, 3]: coverage, threshold and precision when only the N surest images are tagged without review."""
    sure = scores.max(1).astype(np.float64)
    order = np.argsort(-sure, kind="stable")
    taken = np.arange(1, len(labels) + 1)
    right = np.cumsum((scores.argmax(1) == labels)[order])
    return np.column_stack([taken / len(labels), sure[order], right / taken])
