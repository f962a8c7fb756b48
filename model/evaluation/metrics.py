"""Metrics of a classifier: accuracy, precision, recall, F1, confusions, calibration error, and risk over coverage."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

BINS = 15  # of the calibration error, as in Guo et al. 2017
COVERAGES = (0.8, 0.9, 0.95)
Z95 = 1.959964  # standard deviations that 95 % of a normal distribution lie within

Scores = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Curve = npt.NDArray[np.float64]
Bins = list[tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class CategoryMetrics:
    """Metrics of one category; those that cannot be computed are 0.

    `images` are labelled with it, `predicted` got it. Of the predicted ones, `coverage` is the share that passes the
    threshold, and `precision_passing` the share of these that is right.
    """

    images: int
    predicted: int
    precision: float
    recall: float
    f1: float
    coverage: float
    precision_passing: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics of N labelled images; macro metrics are means over the categories that have images.

    `accuracy_interval` holds the true accuracy in 95 % of cases. `ece` is the expected calibration error, `aurc` the
    area under the risk-coverage curve. `coverage` is the share of images that pass the threshold, `precision` the share
    of these that is right. `unreviewed` is the share that is tagged without review, as it passes and is not flagged as
    unlike the training, and `unreviewed_precision` the share of these that is right.
    """

    images: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    macro_precision: float
    macro_recall: float
    f1: Mapping[str, float]
    categories: Mapping[str, CategoryMetrics]
    ece_before: float
    ece: float
    aurc: float
    accuracy_at_coverage: Mapping[str, float]
    coverage: float
    precision: float
    unreviewed: float
    unreviewed_precision: float

    def as_json(self) -> dict[str, Any]:
        """Return all of it, rounded to what the numbers are worth."""
        return {**rounded(asdict(self)), "aurc": round(self.aurc, 6)}


@dataclass(frozen=True, slots=True)
class Confusion:
    """The `count` images of category `true` that were predicted as `predicted`, a `share` of all that are `true`.

    `indices` are those predicted with the greatest confidence, the most confident first.
    """

    true: int
    predicted: int
    count: int
    share: float
    indices: tuple[int, ...]


def compute(
    uncalibrated: Scores,
    scores: Scores,
    labels: Labels,
    thresholds: npt.ArrayLike,
    categories: Sequence[str],
    flagged: npt.NDArray[np.bool_] | None = None,
) -> Metrics:
    """Compute all metrics of scores float32[N, K] before and after calibration, with a threshold for each category.

    `labels` are int64[N]; `flagged`, bool[N], marks images that are reviewed whatever their confidence.
    """
    correct = scores.argmax(1) == labels
    passing = scores.max(1) >= np.asarray(thresholds)[scores.argmax(1)]
    unreviewed = passing if flagged is None else passing & ~flagged
    by_category = dict(zip(categories, category_metrics(scores, labels, passing), strict=True))
    present = [category for category in by_category.values() if category.images]
    curve = risk_coverage(scores, labels)
    return Metrics(
        images=len(labels),
        accuracy=float(correct.mean()),
        accuracy_interval=wilson(int(correct.sum()), len(correct)),
        macro_f1=float(np.mean([category.f1 for category in present])),
        macro_precision=float(np.mean([category.precision for category in present])),
        macro_recall=float(np.mean([category.recall for category in present])),
        f1={name: category.f1 for name, category in by_category.items()},
        categories=by_category,
        ece_before=calibration_error(uncalibrated, labels),
        ece=calibration_error(scores, labels),
        aurc=area_under(curve),
        accuracy_at_coverage=accuracy_at(curve),
        coverage=float(passing.mean()),
        precision=_share(correct[passing]),
        unreviewed=float(unreviewed.mean()),
        unreviewed_precision=_share(correct[unreviewed]),
    )


def category_metrics(scores: Scores, labels: Labels, passing: npt.NDArray[np.bool_]) -> list[CategoryMetrics]:
    """Compute the metrics of each of K categories; `passing` bool[N] marks what reaches its threshold."""
    kinds, predicted = [*range(scores.shape[1])], scores.argmax(1)
    table = precision_recall_fscore_support(labels, predicted, labels=kinds, zero_division=0)
    return [
        CategoryMetrics(
            images=int(images),
            predicted=int(taken.sum()),
            precision=float(precision),
            recall=float(recall),
            f1=float(f1),
            coverage=_share(passing[taken]),
            precision_passing=_share(labels[passing & taken] == kind),
        )
        for kind, precision, recall, f1, images in zip(kinds, *table, strict=True)
        for taken in [predicted == kind]
    ]


def confusion(scores: Scores, labels: Labels) -> npt.NDArray[np.int64]:
    """Count images by true category (rows) and predicted one (columns), int64[K, K]."""
    return np.asarray(confusion_matrix(labels, scores.argmax(1), labels=[*range(scores.shape[1])]), np.int64)


def worst_confusions(scores: Scores, labels: Labels, *, pairs: int = 8, images: int = 8) -> list[Confusion]:
    """Return the pairs of categories that are confused most often, the most frequent first."""
    counts = confusion(scores, labels)
    own = counts.sum(1)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:pairs]
    worst = [divmod(int(cell), len(counts)) for cell in order if counts.flat[cell]]
    return [
        Confusion(
            true, predicted, int(counts[true, predicted]), float(counts[true, predicted] / own[true]), indices[:images]
        )
        for true, predicted in worst
        for indices in [_most_confident(scores, (labels == true) & (scores.argmax(1) == predicted))]
    ]


def _most_confident(scores: Scores, chosen: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    indices = np.flatnonzero(chosen)
    return tuple(indices[np.argsort(-scores.max(1)[indices], kind="stable")].tolist())


def wilson(correct: int, count: int, z: float = Z95) -> tuple[float, float]:
    """Return the interval of the true share after `correct` of `count` (Wilson 1927); [0, 1] for a count of 0."""
    if not count:
        return 0.0, 1.0
    share, spread = correct / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z * float(np.sqrt(share * (1 - share) / count + spread / (4 * count))) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def calibration_error(scores: Scores, labels: Labels) -> float:
    """Compute the expected calibration error over equal-width bins of confidence (Guo et al. 2017, eq. 3)."""
    return float(sum(share * abs(confidence - right) for share, confidence, right in reliability(scores, labels)))


def reliability(scores: Scores, labels: Labels) -> Bins:
    """Return for each bin that holds images its share of them, their mean confidence, and the share that is right."""
    confidence, correct = scores.max(1).astype(np.float64), scores.argmax(1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    inside = [bins == number for number in np.unique(bins)]
    return [
        (float(chosen.mean()), float(confidence[chosen].mean()), float(correct[chosen].mean())) for chosen in inside
    ]


def risk_coverage(scores: Scores, labels: Labels) -> Curve:
    """Return coverage, threshold and precision, float64[N, 3], of tagging only the N most confident images.

    Risk is one less precision (Geifman and El-Yaniv 2017, arXiv:1705.08500).
    """
    confidence = scores.max(1).astype(np.float64)
    order = np.argsort(-confidence, kind="stable")
    taken = np.arange(1, len(labels) + 1)
    correct = np.cumsum((scores.argmax(1) == labels)[order])
    return np.column_stack([taken / len(labels), confidence[order], correct / taken])


def area_under(curve: Curve) -> float:
    """Compute AURC, the mean risk over all coverages (Geifman, Uziel and El-Yaniv 2019, arXiv:1805.08206).

    It is 0 for a model that makes no mistake, and small where mistakes are the least confident images.
    """
    return float(np.mean(1 - curve[:, 2]))


def accuracy_at(curve: Curve, coverages: Sequence[float] = COVERAGES) -> Mapping[str, float]:
    """Return the share that is right of the most confident images, by their share of all images ("0.80" …)."""
    count = len(curve)
    return {f"{share:.2f}": float(curve[max(0, int(np.ceil(share * count - 1e-9)) - 1), 2]) for share in coverages}


def _share(chosen: npt.NDArray[np.bool_]) -> float:
    """Fraction of True values; 0 for an empty array."""
    return float(chosen.mean()) if len(chosen) else 0.0


def rounded(value: Any, digits: int = 4) -> Any:
    """Round every float in nested dicts, lists and tuples."""
    if isinstance(value, dict):
        return {key: rounded(part, digits) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(part, digits) for part in value]
    return round(value, digits) if isinstance(value, float) else value
