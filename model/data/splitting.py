"""Photographs into training, validation and test, or into folds: every category in each, a group never in two.

Why not scikit-learn's StratifiedGroupKFold: it promises no category a place in a fold, however many groups that has,
and it took 78 s for 20,000 groups where this takes a tenth of a second.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.data.photographs import SPLITS, SplitName

SHARES = (0.8, 0.1, 0.1)
Indices = npt.NDArray[np.int64]

_OPEN = -1


def split(
    labels: Indices,
    groups: Indices,
    given: Sequence[SplitName | None],
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> tuple[Indices, Indices, Indices]:
    """Sorted indices of train, validation and test among N photographs, by int64[N] and int64[N].

    What `given` says stands. Validation or test that it never names is taken from train, by its share; photographs of
    which it says nothing go to train and to those. A category with as many groups to deal out as there are splits to
    fill, in which it is the most frequent, is in each of them. Groups stay whole but where `given` divides them. The
    same arguments give the same result.
    """
    places = _given(given)
    missing = [at for at in (1, 2) if not (places == at).any()]
    into = [0, *missing]
    if missing:
        places[places == 0] = _OPEN
    _follow(places, groups, given)
    free = np.flatnonzero(places == _OPEN)
    wanted = [shares[at] for at in into]
    places[free] = np.asarray(into, np.int64)[_dealt(labels[free], groups[free], wanted, seed)]
    train, validation, test = (np.flatnonzero(places == at) for at in range(len(SPLITS)))
    return train, validation, test


def folds(labels: Indices, groups: Indices, count: int, seed: int = 0) -> Indices:
    """The fold int64[N] of each photograph, 0 to `count` - 1. A category with `count` groups or more is in each.

    Every category is dealt out evenly by groups, however large these are.
    """
    if not len(labels):
        return np.zeros(0, np.int64)
    category, number = by_group(labels, groups)
    random = np.random.default_rng(seed)
    order = np.concatenate([random.permutation(np.flatnonzero(category == kind)) for kind in np.unique(category)])
    fold = np.zeros(len(category), np.int64)
    fold[order] = np.arange(len(category)) % count
    return fold[number]


def at_most(indices: Indices, labels: Indices, count: int, seed: int) -> Indices:
    """Sorted, those of the photographs at `indices` that are left when a category has `count` of them at most."""
    order = np.random.default_rng(seed).permutation(indices)
    kept = [order[labels[order] == kind][:count] for kind in np.unique(labels)]
    return np.sort(np.concatenate(kept))


def by_group(labels: Indices, groups: Indices) -> tuple[Indices, Indices]:
    """The category int64[G] that most photographs of each of G groups have, and the group int64[N] of each, 0 to G - 1.

    Where two are as frequent it is the first.
    """
    _, number = np.unique(groups, return_inverse=True)
    pairs, counts = np.unique(np.stack([number, labels]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    _, first = np.unique(pairs[0][order], return_index=True)
    return pairs[1][order][first], number


def _given(given: Sequence[SplitName | None]) -> Indices:
    return np.asarray([SPLITS.index(each) if each else _OPEN for each in given], np.int64)


def _follow(places: Indices, groups: Indices, given: Sequence[SplitName | None]) -> None:
    """Photographs whose group is partly in a fixed validation or test: with it, or in train if that is given."""
    for at in (1, 2):
        fixed = np.isin(groups, groups[places == at])
        for each in np.flatnonzero(fixed & (places == _OPEN)).tolist():
            places[each] = at if given[each] is None else 0


def _dealt(labels: Indices, groups: Indices, shares: Sequence[float], seed: int) -> Indices:
    """The part int64[N] of each photograph: groups are dealt out category by category, in a random order."""
    if not len(labels):
        return np.zeros(0, np.int64)
    random = np.random.default_rng(seed)
    category, number = by_group(labels, groups)
    sizes = np.bincount(number)
    part = np.zeros(len(sizes), np.int64)
    for each in np.unique(category):
        members = random.permutation(np.flatnonzero(category == each))
        part[members] = _parts(sizes[members], shares)
    return part[number]


def _parts(sizes: Indices, shares: Sequence[float]) -> Indices:
    """The part of each group of one category, by their sizes: each goes where most is lacking, large ones first.

    Those are first that are larger than a part. When as few are left as parts are empty, they go to these.
    """
    wanted = _wanted(int(sizes.sum()), shares)
    lacking, empty = wanted.copy(), set(range(len(shares)))
    part = np.zeros(len(sizes), np.int64)
    order = np.argsort(sizes <= wanted.min(), kind="stable")
    for done, at in enumerate(order):
        open_parts = sorted(empty) if len(sizes) - done <= len(empty) else range(len(shares))
        part[at] = max(open_parts, key=lambda each: lacking[each])
        lacking[part[at]] -= sizes[at]
        empty.discard(int(part[at]))
    return part


def _wanted(total: int, shares: Sequence[float]) -> npt.NDArray[np.float64]:
    """Photographs for each part: its share, but one at least; the largest part gives what that takes."""
    wanted = np.asarray(shares, np.float64) / sum(shares) * total
    raised = np.maximum(wanted, 1)
    raised[np.argmax(wanted)] -= raised.sum() - total
    return raised
