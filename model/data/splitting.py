"""Splits and folds of photographs: every category in each of them, every group in only one.

Why not scikit-learn's StratifiedGroupKFold: it does not guarantee every category a place in a fold, however many groups
the category has, and it took 78 s for 20,000 groups where this takes a tenth of a second.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.data.photographs import SPLITS, SplitName

SHARES = (0.8, 0.1, 0.1)
Indices = npt.NDArray[np.int64]

_UNDECIDED = -1


def split(
    labels: Indices, groups: Indices, given: Sequence[SplitName | None], shares: Sequence[float] = SHARES, seed: int = 0
) -> tuple[Indices, Indices, Indices]:
    """Split N photographs into sorted indices of train, validation and test, by labels int64[N] and groups int64[N].

    The splits `given` by the source are kept. Validation or test photographs that it never names are taken from train,
    by their share; photographs without a split go to train and to those. A category with as many groups to assign as
    there are splits to fill, in which it is the most frequent, is in each of them. Groups stay whole unless `given`
    divides them. The same arguments give the same result.
    """
    parts = np.asarray([SPLITS.index(name) if name else _UNDECIDED for name in given], np.int64)
    missing = [part for part in (1, 2) if not (parts == part).any()]
    to_fill = [0, *missing]
    if missing:
        parts[parts == 0] = _UNDECIDED
    _follow_groups(parts, groups, given)
    undecided = np.flatnonzero(parts == _UNDECIDED)
    assigned = _assign(labels[undecided], groups[undecided], [shares[part] for part in to_fill], seed)
    parts[undecided] = np.asarray(to_fill, np.int64)[assigned]
    train, validation, test = (np.flatnonzero(parts == part) for part in range(len(SPLITS)))
    return train, validation, test


def folds(labels: Indices, groups: Indices, count: int, seed: int = 0) -> Indices:
    """Assign photographs to folds int64[N], 0 to `count` - 1. A category with at least `count` groups is in each.

    The groups of every category are spread evenly, whatever their sizes.
    """
    if not len(labels):
        return np.zeros(0, np.int64)
    categories, number = by_group(labels, groups)
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(categories == category) for category in np.unique(categories)]
    order = np.concatenate([random.permutation(indices) for indices in members])
    fold = np.zeros(len(categories), np.int64)
    fold[order] = np.arange(len(categories)) % count
    return fold[number]


def at_most(indices: Indices, labels: Indices, count: int, seed: int) -> Indices:
    """Choose at most `count` photographs of each category from those at `indices`; returns them sorted."""
    order = np.random.default_rng(seed).permutation(indices)
    chosen = [order[labels[order] == category][:count] for category in np.unique(labels)]
    return np.sort(np.concatenate(chosen))


def by_group(labels: Indices, groups: Indices) -> tuple[Indices, Indices]:
    """Find the category int64[G] of most photographs of each of G groups, and number the groups 0 to G - 1 int64[N].

    Of equally frequent categories the first counts.
    """
    _, number = np.unique(groups, return_inverse=True)
    pairs, counts = np.unique(np.stack([number, labels]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    _, first = np.unique(pairs[0][order], return_index=True)
    return pairs[1][order][first], number


def _follow_groups(parts: Indices, groups: Indices, given: Sequence[SplitName | None]) -> None:
    """Keep groups that are partly in validation or test together there; what is given to train stays in train."""
    for part in (1, 2):
        same_group = np.isin(groups, groups[parts == part])
        for index in np.flatnonzero(same_group & (parts == _UNDECIDED)).tolist():
            parts[index] = part if given[index] is None else 0


def _assign(labels: Indices, groups: Indices, shares: Sequence[float], seed: int) -> Indices:
    """Assign groups to parts category by category, in random order; returns the part int64[N] of each photograph."""
    if not len(labels):
        return np.zeros(0, np.int64)
    random = np.random.default_rng(seed)
    categories, number = by_group(labels, groups)
    sizes = np.bincount(number)
    part = np.zeros(len(sizes), np.int64)
    for category in np.unique(categories):
        members = random.permutation(np.flatnonzero(categories == category))
        part[members] = _parts(sizes[members], shares)
    return part[number]


def _parts(sizes: Indices, shares: Sequence[float]) -> Indices:
    """Assign the groups of one category, by their sizes, each to the part that lacks most.

    Groups larger than a part come first. When as few groups are left as parts are empty, they go to these.
    """
    targets = _targets(int(sizes.sum()), shares)
    lacking, empty = targets.copy(), set(range(len(shares)))
    part = np.zeros(len(sizes), np.int64)
    order = np.argsort(sizes <= targets.min(), kind="stable")
    for done, group in enumerate(order):
        candidates = sorted(empty) if len(sizes) - done <= len(empty) else range(len(shares))
        part[group] = max(candidates, key=lambda candidate: lacking[candidate])
        lacking[part[group]] -= sizes[group]
        empty.discard(int(part[group]))
    return part


def _targets(total: int, shares: Sequence[float]) -> npt.NDArray[np.float64]:
    """Compute the photographs for each part: its share, but at least one, at the cost of the largest part."""
    targets = np.asarray(shares, np.float64) / sum(shares) * total
    raised = np.maximum(targets, 1)
    raised[np.argmax(targets)] -= raised.sum() - total
    return raised
