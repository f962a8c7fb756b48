"""The report of an evaluation: a page that needs no network, with figures, tables and plots beside it."""

import json
from collections.abc import Mapping
from pathlib import Path

from model.decisions.calibration import softmax
from model.evaluation.assessment import EvaluationResult
from model.evaluation.metrics import confusion, reliability, risk_coverage
from model.evaluation.report import page, plots
from model.evaluation.report.tables import tables

PAGE = "report.html"
FIGURES = "evaluation.json"


def write(folder: Path, result: EvaluationResult) -> None:
    """Write report.html, evaluation.json, and the CSVs and PNGs into `folder`, leaving other files there alone."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = plotted(result)
    text = json.dumps(result.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / FIGURES).write_text(text + "\n", encoding="utf-8")
    for name, table in tables(result).items():
        table.write(folder / name)
    for name, picture in pictures.items():
        (folder / name).write_bytes(picture)
    (folder / PAGE).write_text(page.render(result, pictures), encoding="utf-8")


def plotted(result: EvaluationResult) -> Mapping[str, bytes]:
    """Draw the plots; PNGs by file name."""
    scores, labels, metrics = result.decisions.scores, result.evaluation_set.labels, result.metrics
    before, after = (reliability(some, labels) for some in (softmax(result.outputs.logits), scores))
    point, bound = (metrics.coverage, metrics.precision), result.here["precision_lower_bound"]
    return {
        "confusion.png": plots.confusion(confusion(scores, labels), result.bundle.categories),
        "reliability.png": plots.reliability(before, after, (metrics.ece_before, metrics.ece)),
        "risk_coverage.png": plots.risk_coverage(risk_coverage(scores, labels), point, bound, result.target),
    }
