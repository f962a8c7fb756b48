"""What people look at of an evaluation: a page that needs no network; figures, tables and pictures beside it."""

import importlib
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


def check_installed() -> None:
    """Before any work is done for a report. Raises ModuleNotFoundError."""
    for name in ("jinja2", "matplotlib"):
        importlib.import_module(name)


def write(folder: Path, found: EvaluationResult) -> None:
    """Write report.html, evaluation.json, and the CSVs and PNGs into `folder`; of other files there nothing changes."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = drawn(found)
    text = json.dumps(found.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / FIGURES).write_text(text + "\n", encoding="utf-8")
    for name, table in tables(found).items():
        table.write(folder / name)
    for name, picture in pictures.items():
        (folder / name).write_bytes(picture)
    (folder / PAGE).write_text(page.render(found, pictures), encoding="utf-8")


def drawn(found: EvaluationResult) -> Mapping[str, bytes]:
    """The PNGs by the names of their files."""
    scores, labels, figures = found.decisions.scores, found.evaluation_set.labels, found.metrics
    before = reliability(softmax(found.outputs.logits), labels)
    point, bound = (figures.coverage, figures.precision), found.seen["precision_lower_bound"]
    return {
        "confusion.png": plots.confusion(confusion(scores, labels), found.bundle.categories),
        "reliability.png": plots.reliability(before, reliability(scores, labels), (figures.ece_before, figures.ece)),
        "risk_coverage.png": plots.risk_coverage(risk_coverage(scores, labels), point, bound, found.target),
    }
