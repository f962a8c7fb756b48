"""Figures, on cases small enough to work out by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from model import report
from model.evaluation import calibration_error, confusion, evaluate, f1_scores, reliability, risk_coverage

SCORES = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]], np.float32)
LABELS = np.array([0, 1, 1, 1])


def test_rows_of_the_confusion_are_true_and_columns_predicted() -> None:
    assert confusion(SCORES, LABELS).tolist() == [[1, 0], [1, 2]]


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    assert f1_scores(confusion(SCORES, LABELS)).tolist() == pytest.approx([2 / 3, 4 / 5])
    assert f1_scores(np.zeros((2, 2), np.int64)).tolist() == [0, 0]


def test_the_calibration_error_is_the_mean_gap_between_saying_and_being_right() -> None:
    assert calibration_error(SCORES, LABELS) == pytest.approx((0.1 + 0.8 + 0.4 + 0.3) / 4, abs=1e-6)
    assert sum(share for share, _, _ in reliability(SCORES, LABELS)) == 1


def test_the_surest_come_first_on_the_curve() -> None:
    curve = risk_coverage(SCORES, LABELS)

    assert curve[:, 0].tolist() == [0.25, 0.5, 0.75, 1]
    assert curve[:, 2].tolist() == pytest.approx([1, 0.5, 2 / 3, 0.75])


def test_coverage_and_precision_follow_each_categorys_threshold() -> None:
    found = evaluate(SCORES, SCORES, LABELS, [0.85, 0.65], ("a", "b"))

    assert (found.accuracy, found.coverage, found.precision) == (0.75, 0.5, 1.0)
    assert evaluate(SCORES, SCORES, LABELS, [1.01, 1.01], ("a", "b")).precision == 0
    assert found.as_json()["f1"] == {"a": 0.6667, "b": 0.8}


def test_the_report_holds_figures_tables_and_pictures(tmp_path: Path) -> None:
    report.write(tmp_path, SCORES, LABELS, ("a", "b"), {"accuracy": 0.75})

    assert json.loads((tmp_path / "metrics.json").read_text()) == {"accuracy": 0.75}
    with (tmp_path / "confusion.csv").open(newline="") as rows:
        assert list(csv.reader(rows)) == [["true", "a", "b"], ["a", "1", "0"], ["b", "1", "2"]]
    for name in ("confusion.png", "reliability.png", "risk_coverage.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
