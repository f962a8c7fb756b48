"""How good a model is: figures from scores and labels. Pure numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.evaluation.curves import Labels, Scores, accuracy_at, area_under, calibration_error, risk_coverage

Z95 = 1.959964  # standard deviations that 95 % of a normal distribution lie within


@dataclass(frozen=True, slots=True)
class CategoryMetrics:
    """One category's figures. `images` are its own, `predicted` those taken for it; figures of none are 0.

    `coverage` and `precision_passing` are of the images taken for it: the share that passes its threshold, and the
    share of these that is right.
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
    """Figures over N labelled images; macro figures are means over the categories that have images.

    `accuracy_interval` holds the true accuracy in 95 % of cases. `ece` is the expected calibration error, `aurc` the
    area under the risk-coverage curve. `coverage` is the share of images that pass the threshold, `precision` the share
    of these that is right; `unreviewed` the share that is tagged without a review for any reason, being flagged as
    unlike the training included, and `unreviewed_precision` the share of these that is right.
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
        """Rounded to what the numbers are worth."""
        figures: dict[str, Any] = rounded(asdict(self))
        return figures | {"aurc": round(self.aurc, 6)}


def compute(
    uncalibrated: Scores,
    scores: Scores,
    labels: Labels,
    thresholds: npt.ArrayLike,
    categories: Sequence[str],
    flagged: npt.NDArray[np.bool_] | None = None,
) -> Metrics:
    """Scores float32[N, K] before and after calibration, labels int64[N], thresholds float[K] -> figures.

    `flagged` bool[N] are the images that a person sees whatever their confidence.
    """
    right = scores.argmax(1) == labels
    passing = scores.max(1) >= np.asarray(thresholds)[scores.argmax(1)]
    unseen = passing & ~flagged if flagged is not None else passing
    each = by_category(scores, labels, passing)
    present = [category for category in each if category.images]
    curve = risk_coverage(scores, labels)
    return Metrics(
        images=len(labels),
        accuracy=float(right.mean()),
        accuracy_interval=wilson(int(right.sum()), len(right)),
        macro_f1=float(np.mean([category.f1 for category in present])),
        macro_precision=float(np.mean([category.precision for category in present])),
        macro_recall=float(np.mean([category.recall for category in present])),
        f1={name: category.f1 for name, category in zip(categories, each, strict=True)},
        categories=dict(zip(categories, each, strict=True)),
        ece_before=calibration_error(uncalibrated, labels),
        ece=calibration_error(scores, labels),
        aurc=area_under(curve),
        accuracy_at_coverage=accuracy_at(curve),
        coverage=float(passing.mean()),
        precision=_share(right[passing]),
        unreviewed=float(unseen.mean()),
        unreviewed_precision=_share(right[unseen]),
    )


def wilson(right: int, count: int, z: float = Z95) -> tuple[float, float]:
    """The interval that the true share lies in, for `right` of `count` seen (Wilson 1927). All of [0, 1] for none."""
    if not count:
        return 0.0, 1.0
    share, spread = right / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z * float(np.sqrt(share * (1 - share) / count + spread / (4 * count))) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def by_category(scores: Scores, labels: Labels, passing: npt.NDArray[np.bool_]) -> list[CategoryMetrics]:
    """The figures of each of K categories, of scores float32[N, K], labels int64[N] and what passes bool[N]."""
    counts = confusion(scores, labels)
    predicted = scores.argmax(1)
    own, taken, found = counts.sum(1), counts.sum(0), counts.diagonal()
    precision, recall, f1 = _ratio(found, taken), _ratio(found, own), f1_scores(counts)
    return [
        CategoryMetrics(
            images=int(own[at]),
            predicted=int(taken[at]),
            precision=float(precision[at]),
            recall=float(recall[at]),
            f1=float(f1[at]),
            coverage=_share(passing[predicted == at]),
            precision_passing=_share(labels[passing & (predicted == at)] == at),
        )
        for at in range(len(counts))
    ]


def confusion(scores: Scores, labels: Labels) -> npt.NDArray[np.int64]:
    """int64[K, K]: rows are true categories, columns predicted ones."""
    counts = np.zeros((scores.shape[1], scores.shape[1]), np.int64)
    np.add.at(counts, (labels, scores.argmax(1)), 1)
    return counts


def f1_scores(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64[K] from a confusion matrix; 0 for a category neither seen nor predicted."""
    return _ratio(2 * counts.diagonal(), counts.sum(0) + counts.sum(1))


@dataclass(frozen=True, slots=True)
class Confusion:
    """`count` images of category `true` were taken for `predicted`, which is a `share` of all that are `true`.

    `indices` are those of them that the network was surest of, the surest first.
    """

    true: int
    predicted: int
    count: int
    share: float
    indices: tuple[int, ...]


def worst_confusions(scores: Scores, labels: Labels, *, pairs: int = 8, images: int = 8) -> list[Confusion]:
    """The pairs of categories that are mixed up most often, the most frequent first."""
    counts = confusion(scores, labels)
    own = counts.sum(1)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:pairs]
    worst = [divmod(int(at), len(counts)) for at in order if counts.flat[at]]
    return [
        Confusion(
            true, predicted, int(counts[true, predicted]), float(counts[true, predicted] / own[true]), indices[:images]
        )
        for true, predicted in worst
        for indices in [_surest(scores, (labels == true) & (scores.argmax(1) == predicted))]
    ]


def _surest(scores: Scores, chosen: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    indices = np.flatnonzero(chosen)
    return tuple(indices[np.argsort(-scores.max(1)[indices], kind="stable")].tolist())


def _ratio(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return shares


def _share(chosen: npt.NDArray[np.bool_]) -> float:
    """Of True; 0 of nothing."""
    return float(chosen.mean()) if len(chosen) else 0.0


def rounded(value: Any, digits: int = 4) -> Any:
    """Every float in nested dicts, lists and tuples."""
    if isinstance(value, dict):
        return {key: rounded(each, digits) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each, digits) for each in value]
    return round(value, digits) if isinstance(value, float) else value
