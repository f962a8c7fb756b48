"""Splits and folds: every category in each, a group never in two, the same for a seed, whatever the photographs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st

from model.data.photographs import SplitName
from model.data.splitting import SHARES, at_most, folds, split

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shelf:
    """Photographs, in any order: the category of each, and the product it belongs to."""

    labels: Indices
    groups: Indices

    def own_groups(self, category: int) -> int:
        """How many products show this category alone."""
        mixed = np.unique(self.groups[self.labels != category])
        return len(np.setdiff1d(self.groups[self.labels == category], mixed))


@st.composite
def shelves(draw: Callable[..., list[list[int]]]) -> Shelf:
    """Up to 40 products of one to six photographs, each of up to four categories; now and then of several at once."""
    product = st.one_of(
        st.tuples(st.integers(0, 3), st.integers(1, 6)).map(lambda pair: [pair[0]] * pair[1]),
        st.lists(st.integers(0, 3), min_size=1, max_size=4),
    )
    products = draw(st.lists(product, min_size=1, max_size=40))
    pairs = [(category, 7 * number) for number, shown in enumerate(products) for category in shown]
    order = np.random.default_rng(len(pairs)).permutation(len(pairs))
    labels, groups = (np.asarray(column, np.int64)[order] for column in zip(*pairs, strict=True))
    return Shelf(labels, groups)


def nothing(shelf: Shelf) -> list[SplitName | None]:
    return [None] * len(shelf.labels)


@given(shelves(), st.integers(0, 5))
def test_each_photograph_is_in_one_split_and_each_product_too(shelf: Shelf, seed: int) -> None:
    parts = split(shelf.labels, shelf.groups, nothing(shelf), seed=seed)

    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(shelf.labels)))
    held = [set(shelf.groups[part].tolist()) for part in parts]
    assert not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]


@given(shelves(), st.integers(0, 5))
def test_a_category_of_three_products_is_in_every_split(shelf: Shelf, seed: int) -> None:
    parts = split(shelf.labels, shelf.groups, nothing(shelf), seed=seed)

    for category in range(4):
        if shelf.own_groups(category) >= 3:
            assert all(category in shelf.labels[part] for part in parts)


@given(shelves(), st.integers(2, 5), st.integers(0, 5))
def test_folds_keep_products_together_and_hold_every_category_that_has_enough(
    shelf: Shelf, count: int, seed: int
) -> None:
    fold = folds(shelf.labels, shelf.groups, count, seed)

    assert all(len(np.unique(fold[shelf.groups == group])) == 1 for group in np.unique(shelf.groups))
    for category in range(4):
        if shelf.own_groups(category) >= count:
            assert set(fold[shelf.labels == category]) == set(range(count))


@given(shelves(), st.data())
def test_what_the_source_says_stands(shelf: Shelf, data: st.DataObject) -> None:
    names = st.sampled_from(("train", "validation", "test", None))
    splits = [data.draw(names) for _ in shelf.labels]

    parts = split(shelf.labels, shelf.groups, splits)

    of = {int(index): name for name, part in zip(("train", "validation", "test"), parts, strict=True) for index in part}
    for index, name in enumerate(splits):
        may_move = name == "train" and not {"validation", "test"} <= set(splits)
        assert name is None or of[index] == name or may_move
    for name in ("validation", "test"):
        if name in splits:  # what a source sets aside for a test is not made larger, but by the same product
            chosen = {int(shelf.groups[index]) for index, assigned in enumerate(splits) if assigned == name}
            assert {int(shelf.groups[index]) for index, assigned in of.items() if assigned == name} == chosen


def a_thousand() -> Shelf:
    """Ten categories; 400 photographs alone, 600 in products of three."""
    groups = np.concatenate([np.arange(400), 400 + np.arange(600) // 3])
    return Shelf(groups % 10, groups)


def test_shares_are_kept_in_each_category() -> None:
    shelf = a_thousand()

    parts = split(shelf.labels, shelf.groups, nothing(shelf))

    for part, share in zip(parts, SHARES, strict=True):
        counts = np.bincount(shelf.labels[part], minlength=10)
        assert abs(counts - share * 100).max() <= 3


def test_a_missing_validation_is_taken_from_train_and_the_test_is_left_alone() -> None:
    shelf = a_thousand()
    splits: list[SplitName | None] = ["test" if group % 5 == 0 else "train" for group in shelf.groups]

    train, validation, test = split(shelf.labels, shelf.groups, splits)

    assert set(test.tolist()) == {index for index, assigned in enumerate(splits) if assigned == "test"}
    assert len(validation) == pytest.approx((len(train) + len(validation)) / 9, rel=0.1)
    assert not set(shelf.groups[train]) & set(shelf.groups[validation])


def test_a_seed_gives_the_same_split_and_another_one_another() -> None:
    shelf = a_thousand()

    first, again, other = (split(shelf.labels, shelf.groups, nothing(shelf), seed=seed)[2] for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert set(first.tolist()) != set(other.tolist())


def test_a_large_product_goes_to_train() -> None:
    groups = np.asarray([0] * 40 + list(range(1, 61)), np.int64)

    parts = split(np.zeros(100, np.int64), groups, [None] * 100)

    assert [len(part) for part in parts] == [80, 10, 10]
    assert 0 in groups[parts[0]]


def test_at_most_so_many_of_a_category_are_left() -> None:
    labels = np.asarray([0] * 8 + [1] * 3 + [0], np.int64)
    indices = np.arange(11)  # the last photograph is not among them

    chosen, again, other = (at_most(indices, labels, 5, seed) for seed in (1, 1, 2))

    assert np.bincount(labels[chosen]).tolist() == [5, 3]
    assert chosen.tolist() == again.tolist() == sorted(chosen.tolist())
    assert chosen.tolist() != other.tolist()
    assert 11 not in chosen
