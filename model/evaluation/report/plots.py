"""The plots of a report, as PNGs."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure  # not pyplot: no window system, no global state

from model.evaluation.metrics import Bins, Curve

DOTS = 130  # per inch
BLUE, ORANGE, GREY, INK = "#1f5fbf", "#d9652b", "#8a93a0", "#1c2430"


def confusion(counts: npt.NDArray[np.int64], categories: Sequence[str]) -> bytes:
    """Draw the confusion matrix int64[K, K], as shares of each true category."""
    edge = 1.7 + 0.36 * len(categories)
    figure, axes = _axes(edge + 0.4, edge, across="predicted category", up="true category")
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares**0.5, cmap="Blues", vmin=0, vmax=1)  # the square root, so that small shares are visible
    axes.set_xticks(range(len(categories)), categories, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(categories)), categories)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), share in np.ndenumerate(shares):
        if round(100 * share):
            shade = "white" if share > 0.35 else INK
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=shade, fontsize=8)
    return _png(figure)


def reliability(before: Bins, after: Bins, errors: tuple[float, float]) -> bytes:
    """Draw the bins of metrics.reliability before and after calibration, with the calibration error of each."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    parts = (("before calibration", before, GREY), ("after calibration", after, BLUE))
    for axes, (title, bins, colour), error in zip(figure.subplots(1, 2, sharey=True), parts, errors, strict=True):
        shares, confidence, right = np.array(bins).T
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.scatter(confidence, right, s=15 + 220 * shares, alpha=0.75, color=colour, linewidths=0)
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="confidence", title=f"{title}\noff by {100 * error:.1f} points")
        axes.set_xticks([0, 0.5, 1])
        _plain(axes)
    figure.axes[0].set_ylabel("share that is right")
    return _png(figure)


def risk_coverage(curve: Curve, point: tuple[float, float], bound: float, target: float | None) -> bytes:
    """Draw the risk-coverage curve with the thresholds' coverage and precision, and its lower `bound`."""
    figure, axes = _axes(5.2, 3.3, across="share tagged without review", up="share of these that is right")
    low = max(0.0, min(0.98, float(curve[len(curve) // 20 :, 2].min()), bound) - 0.01)
    axes.plot(curve[:, 0], curve[:, 2], color=BLUE, linewidth=2)
    if target is not None:
        axes.axhline(target, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(f"aim: {100 * target:g} %", (0.01, target), va="bottom", color=GREY, fontsize=9)
    if point[0] > 0:
        axes.vlines(point[0], bound, point[1], color=ORANGE, linewidth=2)
        axes.scatter(*point, s=70, color=ORANGE, zorder=3)
        across, side = (-10, "right") if point[0] > 0.5 else (10, "left")
        place = {"xytext": (across, -6), "textcoords": "offset points", "ha": side, "va": "top"}
        text = f"thresholds: {100 * point[0]:.1f} % tagged,\n{100 * point[1]:.2f} % of these right"
        on_top = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}
        axes.annotate(text, (point[0], min(bound, point[1])), color=ORANGE, fontsize=9, bbox=on_top, **place)
    axes.set(xlim=(0, 1.01), ylim=(low, 1.002))
    _plain(axes)
    return _png(figure)


def _axes(width: float, height: float, *, across: str, up: str) -> tuple[Any, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=across, ylabel=up)
    return figure, axes


def _plain(axes: Any) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.title.set_size(10)


def _png(figure: Any) -> bytes:
    sink = io.BytesIO()
    figure.savefig(sink, dpi=DOTS, metadata={"Software": None})
    return sink.getvalue()
