"""The checks that photographs go through one after the other, once every one of them was looked at."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.data.inspection.findings import Finding, listed
from model.data.photographs import SPLITS, Photograph
from model.decisions.categories import plain

LEAST = 10
"""Photographs to train on that a category needs."""
LEAST_GROUPS = len(SPLITS)
"""Products, or pictures, that a category needs, so that each split gets one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """N photographs that were decoded: `alike` int64[N] is the same for those that look the same, `digests` SHA-256."""

    photographs: tuple[Photograph, ...]
    alike: npt.NDArray[np.int64]
    digests: tuple[bytes, ...]

    def without(self, indices: Collection[int]) -> "Seen":
        kept = [at for at in range(len(self.photographs)) if at not in indices]
        photographs = tuple(self.photographs[at] for at in kept)
        return Seen(photographs, self.alike[kept], tuple(self.digests[at] for at in kept))


Sifted = tuple[list[Finding], set[int]]
"""What was found, and the indices of the photographs that are left out for it."""


def _in_two_categories(seen: Seen) -> Sifted:
    sets = [each for each in _sets(seen.alike.tolist()) if len({seen.photographs[at].category for at in each}) > 1]
    findings = [
        _of_set(seen, each, "same_in_two_categories", "are one picture: left out, as nobody knows which is right")
        for each in sets
    ]
    return findings, {at for each in sets for at in each}


def _in_two_splits(seen: Seen) -> Sifted:
    """A picture in the test part stays there, so that the test remains what it was."""
    findings, out = [], set()
    for each in _sets(seen.alike.tolist()):
        given = [seen.photographs[at].split for at in each]
        there = [split for split in reversed(SPLITS) if split in given]
        if len(there) > 1:
            outcome = f"are one picture in {' and '.join(there)}: kept in {there[0]} alone"
            findings.append(_of_set(seen, each, "same_in_two_splits", outcome))
            out |= {at for at, split in zip(each, given, strict=True) if split in there[1:]}
    return findings, out


def _repeated(seen: Seen) -> Sifted:
    """The same bytes within a category."""
    findings, out = [], set()
    for each in _sets(seen.digests):
        kept = max(each, key=lambda at: _worth_keeping(seen.photographs[at]))
        others = [at for at in each if at != kept]
        outcome = f"have the same bytes: {seen.photographs[kept].name} is kept"
        findings.append(_of_set(seen, [kept, *others], "repeated", outcome))
        out |= set(others)
    return findings, out


def _worth_keeping(photograph: Photograph) -> tuple[bool, bool, int]:
    """Greatest for the photograph of which the source says most, then for the shortest name: no "copy (2)"."""
    return photograph.split is not None, photograph.product is not None, -len(photograph.name)


def _look_alike(seen: Seen) -> Sifted:
    sets = _sets(seen.alike.tolist())
    return [_of_set(seen, each, "look_alike", "look the same: they stay in one split") for each in sets], set()


def _products_in_two_splits(seen: Seen) -> Sifted:
    findings = []
    for each in _sets([photograph.product for photograph in seen.photographs]):
        given = {seen.photographs[at].split for at in each}
        there = [split for split in SPLITS if split in given]
        if len(there) > 1:
            outcome = f"are one product in {' and '.join(there)}: left so, as the source says it"
            findings.append(_of_set(seen, each, "product_in_two_splits", outcome))
    return findings, set()


ALL: tuple[Callable[[Seen], Sifted], ...] = (
    _in_two_categories,
    _in_two_splits,
    _repeated,
    _look_alike,
    _products_in_two_splits,
)
"""In this order: what contradicts goes first, so that no copy of it is left."""


def of_names(photographs: Sequence[Photograph]) -> Iterator[Finding]:
    """Categories' names that make trouble: as a folder's name, or beside another."""
    names = sorted({each.category for each in photographs})
    for name in names:
        if trouble := odd(name):
            outcome = "it is used as it is, but cannot be a folder's name everywhere"
            yield Finding("name_with_slash", f"the category {name!r} holds {trouble}: {outcome}", (name,))
    alike = defaultdict(list)
    for name in names:
        alike[plain(name)].append(name)
    for each in alike.values():
        if len(each) > 1:
            outcome = "give them one name if they are one category"
            yield Finding("same_name", f"{', '.join(map(repr, each))} are almost one name: {outcome}", tuple(each))


def odd(name: str) -> str | None:
    """What is in a name that a folder's name cannot hold everywhere; None for a plain one."""
    if "/" in name or "\\" in name:
        return "a slash"
    if not name.isprintable():
        return "control characters"
    return "a space at an end" if name != name.strip() else None


def of_counts(
    given: Sequence[Photograph], usable: Sequence[Photograph], groups: npt.NDArray[np.int64]
) -> Iterator[Finding]:
    """Categories with too little to train on, and too few categories. What the source gives to test does not count."""
    training = [(each.category, int(group)) for each, group in zip(usable, groups, strict=True) if _trains(each)]
    counts, kinds = Counter(name for name, _ in training), Counter(name for name, _ in set(training))
    dealt = not any(each.split for each in usable)
    names = sorted({each.category for each in given})
    for name in names:
        outcome = f"add photographs, or leave it out with --leave-out {shlex.quote(name)}"
        if counts[name] < LEAST:
            held = f"{counts[name]} photographs to train on, {LEAST} are needed"
            yield Finding("too_few", f"the category {name!r} has {held}: {outcome}", (name,))
        elif dealt and kinds[name] < LEAST_GROUPS:
            held = f"photographs of {kinds[name]} products or pictures, {LEAST_GROUPS} are needed, one for each split"
            yield Finding("too_few", f"the category {name!r} has {held}: {outcome}", (name,))
    if len(counts) < 2:
        there = f"only {names[0]!r}" if len(names) == 1 else f"{len(counts)} categories with photographs to train on"
        yield Finding("one_category", f"there is {there}: add photographs of a second category", tuple(names))


def _trains(photograph: Photograph) -> bool:
    return photograph.split in (None, "train")


def _sets(keys: Sequence[Hashable]) -> list[list[int]]:
    """Indices of two or more that share a key other than None, in the order of the first of each."""
    members = defaultdict(list)
    for at, key in enumerate(keys):
        if key is not None:
            members[key].append(at)
    return [each for each in members.values() if len(each) > 1]


def _of_set(seen: Seen, indices: Sequence[int], kind: str, outcome: str) -> Finding:
    """A finding on photographs, each named with its category where these differ."""
    there = [seen.photographs[at] for at in indices]
    differ = len({each.category for each in there}) > 1
    told = [f"{each.name} ({each.category})" if differ else each.name for each in there]
    return Finding(kind, f"{listed(told)} {outcome}", tuple(each.name for each in there))
