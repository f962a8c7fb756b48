"""McNemar's test, against sums worked out by hand and by chance; and what keeps two bundles from being compared."""

from math import comb
from pathlib import Path

import numpy as np
import pytest

from model.comparison import Comparison, NotComparable, compare, p_of_losing
from tests.model.versions import outcome, with_test


def test_the_tail_is_exact_for_few_images() -> None:
    assert p_of_losing(0, 0) == 1
    assert p_of_losing(5, 5) == 1 / 32
    assert p_of_losing(8, 10) == (45 + 10 + 1) / 1024
    assert p_of_losing(0, 10) == 1


@pytest.mark.parametrize(("lost", "decided"), [(60, 100), (1040, 2000)])
def test_the_tail_is_the_binomial_one_for_many_images(lost: int, decided: int) -> None:
    expected = sum(comb(decided, losses) for losses in range(lost, decided + 1)) / 2**decided

    assert p_of_losing(lost, decided) == expected


def test_ten_thousand_images_that_decide_are_summed_up_too() -> None:
    tail_beyond_two_deviations = 0.02275

    assert p_of_losing(5100, 10_000) == pytest.approx(tail_beyond_two_deviations, abs=0.002)


def test_an_equal_candidate_is_called_worse_in_one_case_of_twenty_at_most() -> None:
    random = np.random.default_rng(1947)
    lost = random.binomial(400, 0.5, size=5000)

    called = np.mean([p_of_losing(int(losses), 400) < 0.05 for losses in lost])

    assert 0.03 < called <= 0.055


def test_only_the_images_that_one_of_the_two_has_right_decide() -> None:
    comparison = Comparison.of(outcome(100, wrong=range(0, 30)), outcome(100, wrong=range(20, 35)))

    assert (comparison.images, comparison.both_right, comparison.only_candidate, comparison.only_incumbent) == (
        100,
        65,
        5,
        20,
    )
    assert (comparison.accuracy, comparison.accuracy_before) == (0.70, 0.85)
    assert comparison.is_worse
    assert comparison.as_json()["p_worse"] == pytest.approx(p_of_losing(20, 25), rel=0.01)


@pytest.mark.parametrize(
    ("candidate", "worse"),
    [(range(0, 20), False), (range(0, 24), False), (range(0, 25), True), (range(50, 70), False), (range(0), False)],
)
def test_a_candidate_is_worse_only_when_chance_does_not_explain_it(candidate: range, worse: bool) -> None:
    assert Comparison.of(outcome(100, wrong=candidate), outcome(100, wrong=range(0, 20))).is_worse is worse


def test_two_bundles_are_compared_by_the_tests_they_keep(bundle_copy: Path, tmp_path: Path) -> None:
    candidate = with_test(bundle_copy, tmp_path / "new", outcome(50, wrong=range(4)))
    incumbent = with_test(bundle_copy, tmp_path / "old", outcome(50, wrong=range(2, 5)))

    comparison = compare(candidate, incumbent)

    assert (comparison.images, comparison.both_right, comparison.only_candidate, comparison.only_incumbent) == (
        50,
        45,
        1,
        2,
    )


def test_a_bundle_without_a_test_of_its_own_cannot_be_compared(bundle_copy: Path, tmp_path: Path) -> None:
    tested = with_test(bundle_copy, tmp_path / "tested", outcome(50))
    untested = with_test(bundle_copy, tmp_path / "untested", None)

    for pair in ((tested, untested), (untested, tested)):
        with pytest.raises(NotComparable, match=f"{untested.id} has kept no test outcome"):
            compare(*pair)


def test_bundles_tested_on_different_images_cannot_be_compared(bundle_copy: Path, tmp_path: Path) -> None:
    one = with_test(bundle_copy, tmp_path / "one", outcome(50))
    other = with_test(bundle_copy, tmp_path / "other", outcome(50), test_data="others")

    with pytest.raises(NotComparable, match="different images"):
        compare(one, other)
