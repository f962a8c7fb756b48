"""The pages of a bundle that people look at: figures as JSON and CSV, curves as PNG."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.evaluation import Labels, Scores, confusion, reliability, risk_coverage

CURVE_POINTS = 200  # kept of a curve of many thousand


def write(folder: Path, scores: Scores, labels: Labels, categories: Sequence[str], metrics: Mapping[str, Any]) -> None:
    """Write metrics.json, confusion.csv, risk_coverage.csv and three PNGs about calibrated scores into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    counts, curve = confusion(scores, labels), risk_coverage(scores, labels)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    named = zip(categories, counts.tolist(), strict=True)
    _csv(folder / "confusion.csv", ["true", *categories], ([name, *row] for name, row in named))
    kept = curve[np.linspace(0, len(curve) - 1, min(CURVE_POINTS, len(curve))).astype(int)]
    _csv(folder / "risk_coverage.csv", ["coverage", "threshold", "precision"], kept.round(5).tolist())
    _draw_confusion(folder / "confusion.png", counts, categories)
    _draw_reliability(folder / "reliability.png", scores, labels)
    _draw_risk_coverage(folder / "risk_coverage.png", curve)


def _csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as sink:
        csv.writer(sink, lineterminator="\n").writerows([header, *rows])


def _axes(title: str, across: str, up: str) -> tuple[Any, Any]:
    # Figure, not pyplot: no window system, no global state.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=across, ylabel=up)
    return figure, axes


def _draw_confusion(path: Path, counts: npt.NDArray[np.int64], categories: Sequence[str]) -> None:
    figure, axes = _axes("What was taken for what (share of the true category)", "predicted", "true")
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(categories)), categories, rotation=60, ha="right")
    axes.set_yticks(range(len(categories)), categories)
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            shade = "white" if share > 0.5 else "black"
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=shade, fontsize=7)
    figure.savefig(path, dpi=80)


def _draw_reliability(path: Path, scores: Scores, labels: Labels) -> None:
    figure, axes = _axes("Does 0.9 mean nine in ten?", "confidence", "share that is right")
    bins = reliability(scores, labels)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    sizes = [20 + 300 * share for share, _, _ in bins]
    axes.scatter([sure for _, sure, _ in bins], [right for _, _, right in bins], s=sizes, alpha=0.7)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    figure.savefig(path, dpi=80)


def _draw_risk_coverage(path: Path, curve: npt.NDArray[np.float64]) -> None:
    figure, axes = _axes(
        "The surest part tagged without review", "share tagged without review", "share of it that is right"
    )
    axes.plot(curve[:, 0], curve[:, 2])
    axes.set(xlim=(0, 1.01), ylim=(min(0.9, float(curve[-1, 2]) - 0.01), 1.001))
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=80)
