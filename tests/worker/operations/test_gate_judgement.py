"""What the gate finds unusual, told from figures alone: an ordinary night has nothing of it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from db.reporting.batches import Batch, stretches
from tests.worker.operations.good_nights import GREY, ORDINARY, drawn
from worker.operations.gate import judge, needed, shifts
from worker.operations.report import psi


def test_after_an_accepted_night_the_next_like_it_is_ordinary() -> None:
    chance = random.Random(3)
    nights = [list(stretches(drawn(1000, ORDINARY, chance), 200)) for _ in range(9)]

    before, after = (
        judge(sum(drawn(256, GREY, chance), Batch()), [*nights, *more]) for more in ([], [drawn(1000, GREY, chance)])
    )

    assert {deviation.figure for deviation in before} == {"flagged", "unlike_training", "confidence"}
    assert after == []


def test_ten_ordinary_nights_are_not_held() -> None:
    chance = random.Random(11)
    nights = [list(stretches(drawn(2000, ORDINARY, chance), 200)) for _ in range(5)]

    for _ in range(10):
        far, found = Batch(), []
        night = drawn(2000, tuple(value * chance.uniform(0.9, 1.1) for value in ORDINARY), chance)  # type: ignore[arg-type]
        for batch in night:
            far = far + batch
            found += judge(far, nights) if far.images >= needed(2000) else []

        assert found == []
        nights.append(list(stretches(night, 200)))


def test_shifts_are_those_of_the_report() -> None:
    some, others = np.array([[5, 0, 40], [9, 9, 9]]), np.array([[1, 2, 3]])

    assert shifts(some, others)[:, 0].tolist() == pytest.approx([psi(row, [1, 2, 3]) for row in some.tolist()])


@pytest.mark.parametrize(
    ("of", "figure"),
    [
        ((6.0, 1.2, 0.03, 0.1), "failed"),
        ((6.0, 1.2, 0.25, 0.004), "unlike_training"),
        ((1.5, 1.5, 0.0, 0.004), "confidence"),
        ((300.0, 1.0, 0.0, 0.0), "flagged"),
    ],
)
def test_each_figure_alone_can_tell(of: tuple[float, float, float, float], figure: str) -> None:
    chance = random.Random(5)
    nights = [list(stretches(drawn(2000, ORDINARY, chance), 200)) for _ in range(14)]

    found = judge(sum(drawn(400, of, chance), Batch()), nights)

    assert figure in {deviation.figure for deviation in found}


def test_a_mild_shift_of_a_whole_night_is_found_at_the_first_look() -> None:
    chance = random.Random(7)
    sure, milder = (6.0, 1.2, 0.01, 0.0), (6.0, 1.2, 0.09, 0.0)
    nights = [list(stretches(drawn(5_000, sure, chance), 200)) for _ in range(14)]

    found = judge(sum(drawn(256, milder, chance), Batch()), nights)

    assert "unlike_training" in {deviation.figure for deviation in found}


def test_more_than_half_of_a_night_is_compared_with_beginnings_as_long() -> None:
    """Where bags come first, the rest of a night cannot tell whether its first half is like others' first halves."""
    chance = random.Random(4)
    bags, rest = (3.0, 3.0, 0.03, 0.0), (30.0, 1.0, 0.01, 0.0)
    nights = [
        [*stretches(drawn(960, bags, chance), 200), *stretches(drawn(1040, rest, chance), 200)] for _ in range(14)
    ]

    assert judge(sum([*drawn(960, bags, chance), *drawn(128, rest, chance)], Batch()), nights) == []


def test_a_night_is_compared_with_stretches_as_long_as_it_is_so_far() -> None:
    """Bags come first in the order of keys, and no network is sure of them: neither tonight nor before."""
    chance = random.Random(2)
    bags, rest = (3.0, 3.0, 0.03, 0.0), (30.0, 1.0, 0.01, 0.0)
    nights = [[*stretches(drawn(640, bags, chance), 200), *stretches(drawn(5000, rest, chance), 200)] for _ in range(7)]

    assert judge(sum(drawn(256, bags, chance), Batch()), nights) == []
