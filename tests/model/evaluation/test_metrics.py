"""Metrics of cases small enough to work out by hand."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from model.evaluation.metrics import (
    accuracy_at,
    area_under,
    calibration_error,
    compute,
    confusion,
    reliability,
    risk_coverage,
    wilson,
    worst_confusions,
)

SCORES = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]], np.float32)
LABELS = np.array([0, 1, 1, 1])
KINDS = 5


@pytest.fixture(scope="module")
def many() -> tuple[np.ndarray, np.ndarray]:
    """Scores of 600 images in five categories, of which the last has none, and their labels."""
    random = np.random.default_rng(3)
    labels = random.integers(0, KINDS - 1, 600)
    powers = np.exp(random.normal(0, 1, (600, KINDS)) + 1.5 * np.eye(KINDS)[labels])
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32), labels


def test_rows_of_the_confusion_are_true_and_columns_predicted(many: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = many
    pairs = list(zip(labels.tolist(), scores.argmax(1).tolist(), strict=True))

    assert confusion(SCORES, LABELS).tolist() == [[1, 0], [1, 2]]
    assert confusion(scores, labels).tolist() == [
        [pairs.count((true, predicted)) for predicted in range(KINDS)] for true in range(KINDS)
    ]


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    metrics = compute(SCORES, SCORES, LABELS, [0.5] * 2, "ab")

    assert list(metrics.f1.values()) == pytest.approx([2 / 3, 4 / 5])


def test_a_category_neither_seen_nor_predicted_has_an_f1_of_nothing() -> None:
    scores = np.pad(SCORES, ((0, 0), (0, 1)))

    assert compute(scores, scores, LABELS, [0.5] * 3, "abc").f1["c"] == 0


def test_precision_and_recall_are_shares_of_what_is_predicted_and_of_what_is(
    many: tuple[np.ndarray, np.ndarray],
) -> None:
    scores, labels = many
    predicted = scores.argmax(1)

    metrics = compute(scores, scores, labels, [0.5] * KINDS, "abcde")

    for kind, category in enumerate(metrics.categories.values()):
        right = ((predicted == kind) & (labels == kind)).sum()
        assert category.precision == pytest.approx(right / (predicted == kind).sum())
        assert category.recall == pytest.approx(right / max(1, (labels == kind).sum()))
        assert category.images == (labels == kind).sum()


def test_macro_metrics_are_means_over_the_categories_that_have_images(many: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = many
    present = [*range(KINDS - 1)]
    expected = precision_recall_fscore_support(labels, scores.argmax(1), labels=present, average="macro")

    metrics = compute(scores, scores, labels, [0.5] * KINDS, "abcde")

    assert (metrics.macro_precision, metrics.macro_recall, metrics.macro_f1) == pytest.approx(expected[:3])
    assert metrics.categories["e"].images == 0


@pytest.mark.parametrize(
    ("right", "count", "interval"),
    [(81, 263, (0.2553, 0.3662)), (0, 20, (0.0, 0.1611)), (20, 20, (0.8389, 1.0)), (0, 0, (0.0, 1.0))],
    ids=["Newcombe 1998, table 1, method 3", "none right", "all right", "nothing seen"],
)
def test_the_interval_is_wilsons(right: int, count: int, interval: tuple[float, float]) -> None:
    assert wilson(right, count) == pytest.approx(interval, abs=5e-5)


def test_the_calibration_error_is_the_mean_gap_between_saying_and_being_right() -> None:
    assert calibration_error(SCORES, LABELS) == pytest.approx((0.1 + 0.8 + 0.4 + 0.3) / 4, abs=1e-6)
    assert sum(share for share, _, _ in reliability(SCORES, LABELS)) == 1


def test_the_surest_come_first_on_the_curve() -> None:
    curve = risk_coverage(SCORES, LABELS)

    assert curve[:, 0].tolist() == [0.25, 0.5, 0.75, 1]
    assert curve[:, 1].tolist() == pytest.approx([0.9, 0.8, 0.7, 0.6])
    assert curve[:, 2].tolist() == pytest.approx([1, 0.5, 2 / 3, 0.75])


def test_the_area_is_the_mean_risk_and_small_when_the_unsure_are_the_wrong_ones() -> None:
    assert area_under(risk_coverage(SCORES, LABELS)) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert area_under(risk_coverage(SCORES, np.array([0, 0, 0, 1]))) == pytest.approx(1 / 16)


def test_accuracy_at_a_coverage_is_that_of_the_surest_part() -> None:
    sure = np.linspace(1, 0.55, 10, dtype=np.float32)
    labels = np.array([0] * 8 + [1, 0])

    accuracy = accuracy_at(risk_coverage(np.column_stack([sure, 1 - sure]), labels))

    assert accuracy == pytest.approx({"0.80": 1.0, "0.90": 8 / 9, "0.95": 0.9})


def test_coverage_and_precision_follow_each_categorys_threshold() -> None:
    metrics = compute(SCORES, SCORES, LABELS, [0.85, 0.65], ("a", "b"))

    assert (metrics.accuracy, metrics.coverage, metrics.precision) == (0.75, 0.5, 1.0)
    assert compute(SCORES, SCORES, LABELS, [1.01, 1.01], ("a", "b")).precision == 0
    assert metrics.as_json()["f1"] == {"a": 0.6667, "b": 0.8}
    assert [category.coverage for category in metrics.categories.values()] == [0.5, 0.5]
    assert [category.precision_passing for category in metrics.categories.values()] == [1.0, 1.0]


def test_what_is_flagged_is_reviewed_though_it_passes() -> None:
    metrics = compute(SCORES, SCORES, LABELS, [0.5, 0.5], ("a", "b"), np.array([False, True, False, False]))

    assert (metrics.coverage, metrics.precision) == (1.0, 0.75)
    assert (metrics.unreviewed, metrics.unreviewed_precision) == (0.75, 1.0)


def test_the_worst_confusion_comes_first_with_its_surest_images_first() -> None:
    sure = np.array([0.6, 0.9, 0.7, 0.6, 0.8], np.float32)
    scores = np.column_stack([1 - sure, np.zeros(5, np.float32), sure])
    scores[4] = [0.8, 0.1, 0.1]

    worst, next_worst = worst_confusions(scores, np.array([1, 1, 1, 2, 2]), images=2)

    assert (worst.true, worst.predicted, worst.count, worst.share) == (1, 2, 3, 1.0)
    assert worst.indices == (1, 2)
    assert (next_worst.true, next_worst.predicted, next_worst.count) == (2, 0, 1)


def test_without_mistakes_there_are_no_confusions() -> None:
    assert worst_confusions(SCORES, SCORES.argmax(1)) == []
