"""The tables of a report, as they are written to CSV files."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.decisions.calibration import softmax
from model.evaluation.assessment import EvaluationResult
from model.evaluation.metrics import confusion, reliability, risk_coverage

CURVE_POINTS = 200  # of a curve that has a point for each image


@dataclass(frozen=True, slots=True)
class Table:
    """A header and its rows."""

    header: Sequence[str]
    rows: Iterable[Sequence[Any]]

    def write(self, path: Path) -> None:
        """Write it as CSV."""
        with path.open("w", encoding="utf-8", newline="") as sink:
            csv.writer(sink, lineterminator="\n").writerows([self.header, *self.rows])


def tables(result: EvaluationResult) -> Mapping[str, Table]:
    """Return every table by its file name."""
    every = {
        "categories.csv": _categories(result),
        "confusion.csv": _confusion(result),
        "risk_coverage.csv": _risk_coverage(result),
        "reliability.csv": _reliability(result),
        "unlike_training.csv": _unlike_training(result),
        "images.csv": Table(["image", "true", "predicted", "confidence", "needs_review", "reason"], _images(result)),
    }
    rejected = [[file.name, file.reason, file.detail] for file in result.evaluation_set.rejected]
    return every | ({"rejected.csv": Table(["file", "reason", "detail"], rejected)} if rejected else {})


def _categories(result: EvaluationResult) -> Table:
    rates = ["precision", "recall", "f1", "coverage", "precision_passing"]
    rows = [
        [name, metrics.images, metrics.predicted, *_rounded(threshold, *(getattr(metrics, rate) for rate in rates))]
        for (name, metrics), threshold in zip(result.metrics.categories.items(), result.rule.thresholds, strict=True)
    ]
    return Table(["category", "images", "predicted", "threshold", *rates], rows)


def _confusion(result: EvaluationResult) -> Table:
    counts = confusion(result.decisions.scores, result.evaluation_set.labels).tolist()
    names = result.bundle.categories
    return Table(["true", *names], [[name, *row] for name, row in zip(names, counts, strict=True)])


def _risk_coverage(result: EvaluationResult) -> Table:
    curve = risk_coverage(result.decisions.scores, result.evaluation_set.labels)
    points = curve[np.linspace(0, len(curve) - 1, min(CURVE_POINTS, len(curve))).astype(int)]
    return Table(["coverage", "threshold", "precision"], points.round(5).tolist())


def _reliability(result: EvaluationResult) -> Table:
    scores = {"before": softmax(result.outputs.logits), "after": result.decisions.scores}
    bins = {name: reliability(some, result.evaluation_set.labels) for name, some in scores.items()}
    rows = [[name, *_rounded(*group)] for name, groups in bins.items() for group in groups]
    return Table(["calibration", "share_of_images", "confidence", "right"], rows)


def _unlike_training(result: EvaluationResult) -> Table:
    scores = list(result.decisions.ood_scores)
    rows = []
    for source in result.ood.sources:
        rates = source.flagged, source.reviewed, *(source.auroc[score] for score in scores)
        rows.append([source.source.name, len(source.decisions), *_rounded(*rates)])
    return Table(["source", "images", "flagged", "reviewed", *(f"auroc {score}" for score in scores)], rows)


def _images(result: EvaluationResult) -> Iterator[list[Any]]:
    """Yield every labelled image, then the out-of-distribution files, which have no true category."""
    categories = result.bundle.categories
    true = [categories[label] for label in result.evaluation_set.labels]
    parts = [(result.evaluation_set.names, true, result.decisions)]
    parts += [
        (metrics.source.names, [""] * len(metrics.source.names), metrics.decisions) for metrics in result.ood.sources
    ]
    for names, labels, decisions in parts:
        confidence, reasons = decisions.confidence, decisions.reasons
        for index, (name, label) in enumerate(zip(names, labels, strict=True)):
            reason, predicted = str(reasons[index]), categories[int(decisions.predicted[index])]
            yield [name, label, predicted, f"{confidence[index]:.4f}", str(bool(reason)).lower(), reason]


def _rounded(*values: float) -> list[float]:
    return [round(float(value), 4) for value in values]
