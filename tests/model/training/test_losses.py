"""Which teachers are asked about a batch."""

from collections import Counter

import numpy as np
import pytest

from model.training.losses import asked
from model.training.recipe import Recipe

TEACHERS = ("a", "b", "c")


def batches(count: int) -> np.ndarray:
    """Indices of the images of each: int64[count, 8]."""
    return np.random.default_rng(1).integers(0, 50_000, (count, 8))


@pytest.mark.parametrize("count", [0, 3, 4])
def test_all_are_asked_unless_fewer_are_wanted(count: int) -> None:
    assert asked(TEACHERS, batches(1)[0], Recipe(teachers_asked=count)) == [*TEACHERS]


def test_each_is_asked_as_often_as_the_others_and_no_two_alike() -> None:
    two = [asked(TEACHERS, indices, Recipe(teachers_asked=2)) for indices in batches(3_000)]

    assert all(len(set(each)) == 2 for each in two)
    often = Counter(teacher for each in two for teacher in each)
    assert [often[teacher] / 3_000 for teacher in TEACHERS] == pytest.approx([2 / 3] * 3, abs=0.04)


def test_the_same_batch_has_the_same_teachers_and_another_seed_others() -> None:
    few = batches(40)
    first, again, other = (
        [asked(TEACHERS, indices, Recipe(teachers_asked=1, seed=seed)) for indices in few] for seed in (0, 0, 1)
    )

    assert first == again
    assert first != other
