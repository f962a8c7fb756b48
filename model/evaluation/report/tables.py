"""The tables of a report: a header and rows, as they go into CSV files."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.decisions.calibration import softmax
from model.evaluation.assessment import EvaluationResult
from model.evaluation.metrics import CategoryMetrics, confusion, reliability, risk_coverage

CURVE_POINTS = 200  # kept of a curve of many thousand


@dataclass(frozen=True, slots=True)
class Table:
    """A header, and a row for each line under it."""

    header: Sequence[str]
    rows: Iterable[Sequence[Any]]

    def write(self, path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as sink:
            csv.writer(sink, lineterminator="\n").writerows([self.header, *self.rows])


def tables(found: EvaluationResult) -> Mapping[str, Table]:
    """By the names of their files."""
    every = {
        "categories.csv": _categories(found),
        "confusion.csv": _confusion(found),
        "risk_coverage.csv": _risk_coverage(found),
        "reliability.csv": _reliability(found),
        "unlike_training.csv": _unlike_training(found),
        "images.csv": Table(["image", "true", "predicted", "confidence", "needs_review", "reason"], _images(found)),
    }
    files = [[file.name, file.reason, file.detail] for file in found.evaluation_set.rejected]
    return every | ({"rejected.csv": Table(["file", "reason", "detail"], files)} if files else {})


def _categories(found: EvaluationResult) -> Table:
    named = zip(found.metrics.categories.items(), found.rule.thresholds, strict=True)
    rows = [[name, it.images, it.predicted, *_short(threshold, *_of_category(it))] for (name, it), threshold in named]
    header = ["category", "images", "predicted", "threshold"]
    return Table([*header, "precision", "recall", "f1", "coverage", "precision_passing"], rows)


def _of_category(it: CategoryMetrics) -> tuple[float, ...]:
    return it.precision, it.recall, it.f1, it.coverage, it.precision_passing


def _confusion(found: EvaluationResult) -> Table:
    counts = confusion(found.decisions.scores, found.evaluation_set.labels).tolist()
    named = zip(found.bundle.categories, counts, strict=True)
    return Table(["true", *found.bundle.categories], [[name, *row] for name, row in named])


def _risk_coverage(found: EvaluationResult) -> Table:
    curve = risk_coverage(found.decisions.scores, found.evaluation_set.labels)
    kept = curve[np.linspace(0, len(curve) - 1, min(CURVE_POINTS, len(curve))).astype(int)]
    return Table(["coverage", "threshold", "precision"], kept.round(5).tolist())


def _reliability(found: EvaluationResult) -> Table:
    scores = {"before": softmax(found.outputs.logits), "after": found.decisions.scores}
    bins = {name: reliability(each, found.evaluation_set.labels) for name, each in scores.items()}
    rows = [[name, *_short(*figures)] for name, each in bins.items() for figures in each]
    return Table(["calibration", "share_of_images", "confidence", "right"], rows)


def _unlike_training(found: EvaluationResult) -> Table:
    scores = list(found.decisions.ood_scores)
    rows = []
    for each in found.ood.sources:
        shares = each.flagged, each.reviewed, *(each.auroc[score] for score in scores)
        rows.append([each.source.name, len(each.decisions), *_short(*shares)])
    return Table(["source", "images", "flagged", "reviewed", *(f"auroc {score}" for score in scores)], rows)


def _images(found: EvaluationResult) -> Iterator[list[Any]]:
    """Every labelled image; then the out-of-distribution files, whose true category is none of the bundle's."""
    categories = found.bundle.categories
    true = [categories[label] for label in found.evaluation_set.labels]
    parts = [(found.evaluation_set.names, true, found.decisions)]
    parts += [(it.source.names, [""] * len(it.source.names), it.decisions) for it in found.ood.sources]
    for names, labels, decisions in parts:
        sure, reasons = decisions.confidence, decisions.reasons
        for at, (name, label) in enumerate(zip(names, labels, strict=True)):
            reason, predicted = str(reasons[at]), categories[int(decisions.predicted[at])]
            yield [name, label, predicted, f"{sure[at]:.4f}", str(bool(reason)).lower(), reason]


def _short(*figures: float) -> list[float]:
    return [round(float(figure), 4) for figure in figures]
