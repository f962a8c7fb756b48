"""The checks that decoded photographs pass, one after the other."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.data.inspection.findings import Finding, enumerate_names
from model.data.photographs import SPLITS, Photograph
from model.decisions.categories import plain

MIN_PHOTOGRAPHS = 10  # photographs to train on that a category needs
MIN_GROUPS = len(SPLITS)  # distinct products that a category needs, so that each split gets one


@dataclass(frozen=True, slots=True)
class Decoded:
    """N photographs that could be decoded.

    `pictures` int64[N] is equal for those that look the same; `digests` are the SHA-256 of their files.
    """

    photographs: tuple[Photograph, ...]
    pictures: npt.NDArray[np.int64]
    digests: tuple[bytes, ...]

    def without(self, indices: Collection[int]) -> "Decoded":
        """Return all but the photographs at `indices`."""
        rest = [index for index in range(len(self.photographs)) if index not in indices]
        photographs = tuple(self.photographs[index] for index in rest)
        return Decoded(photographs, self.pictures[rest], tuple(self.digests[index] for index in rest))


CheckResult = tuple[list[Finding], set[int]]
"""The findings, and the indices of the photographs that are left out because of them."""


def _same_in_two_categories(decoded: Decoded) -> CheckResult:
    findings, left_out = [], set()
    for indices in _repeated(decoded.pictures.tolist()):
        if len({decoded.photographs[index].category for index in indices}) > 1:
            outcome = "are the same picture: left out, because it is unclear which category is right"
            findings.append(_finding(decoded, indices, "same_in_two_categories", outcome))
            left_out |= set(indices)
    return findings, left_out


def _same_in_two_splits(decoded: Decoded) -> CheckResult:
    """Keep a picture that is in the test split there, so that the test remains comparable."""
    findings, left_out = [], set()
    for indices in _repeated(decoded.pictures.tolist()):
        given = [decoded.photographs[index].split for index in indices]
        splits = [split for split in reversed(SPLITS) if split in given]
        if len(splits) > 1:
            outcome = f"are the same picture in {' and '.join(splits)}: kept only in {splits[0]}"
            findings.append(_finding(decoded, indices, "same_in_two_splits", outcome))
            left_out |= {index for index, split in zip(indices, given, strict=True) if split in splits[1:]}
    return findings, left_out


def _identical_files(decoded: Decoded) -> CheckResult:
    findings, left_out = [], set()
    for indices in _repeated(decoded.digests):
        best = max(indices, key=lambda index: _preference(decoded.photographs[index]))
        others = [index for index in indices if index != best]
        outcome = f"are identical files: only {decoded.photographs[best].name} is kept"
        findings.append(_finding(decoded, [best, *others], "repeated", outcome))
        left_out |= set(others)
    return findings, left_out


def _preference(photograph: Photograph) -> tuple[bool, bool, int]:
    """Rank the photograph the source says most about highest, then the shortest name: no "copy (2)"."""
    return photograph.split is not None, photograph.product is not None, -len(photograph.name)


def _look_alike(decoded: Decoded) -> CheckResult:
    outcome = "look the same: kept together in one split"
    repeated = _repeated(decoded.pictures.tolist())
    return [_finding(decoded, indices, "look_alike", outcome) for indices in repeated], set()


def _product_in_two_splits(decoded: Decoded) -> CheckResult:
    findings = []
    for indices in _repeated([photograph.product for photograph in decoded.photographs]):
        given = {decoded.photographs[index].split for index in indices}
        splits = [split for split in SPLITS if split in given]
        if len(splits) > 1:
            outcome = f"show one product in {' and '.join(splits)}: left as the source assigns them"
            findings.append(_finding(decoded, indices, "product_in_two_splits", outcome))
    return findings, set()


CHECKS: tuple[Callable[[Decoded], CheckResult], ...] = (
    _same_in_two_categories,
    _same_in_two_splits,
    _identical_files,
    _look_alike,
    _product_in_two_splits,
)
"""In this order: contradictions go first, so that no copy of them remains."""


def check_names(photographs: Sequence[Photograph]) -> Iterator[Finding]:
    """Find category names that cannot be folder names, or that are nearly identical to another."""
    names = sorted({photograph.category for photograph in photographs})
    for name in names:
        if trouble := unusual_part(name):
            outcome = "it is used as it is, but not every system allows it as a folder name"
            yield Finding("name_with_slash", f"the category {name!r} contains {trouble}: {outcome}", (name,))
    spellings = defaultdict(list)
    for name in names:
        spellings[plain(name)].append(name)
    for same in spellings.values():
        if len(same) > 1:
            outcome = "use one name if they are one category"
            yield Finding("same_name", f"{', '.join(map(repr, same))} are nearly identical: {outcome}", tuple(same))


def unusual_part(name: str) -> str | None:
    """Name what a folder name cannot hold on every system; None for a plain name."""
    if "/" in name or "\\" in name:
        return "a slash"
    if not name.isprintable():
        return "control characters"
    return "a leading or trailing space" if name != name.strip() else None


def check_counts(
    given: Sequence[Photograph], usable: Sequence[Photograph], groups: npt.NDArray[np.int64]
) -> Iterator[Finding]:
    """Find categories with too little to train on, and too few categories. Test and validation do not count."""
    training = [
        (photograph.category, int(group))
        for photograph, group in zip(usable, groups, strict=True)
        if photograph.split in (None, "train")
    ]
    photographs, products = Counter(name for name, _ in training), Counter(name for name, _ in set(training))
    has_splits = any(photograph.split for photograph in usable)
    names = sorted({photograph.category for photograph in given})
    for name in names:
        outcome = f"add photographs, or leave it out with --leave-out {shlex.quote(name)}"
        if photographs[name] < MIN_PHOTOGRAPHS:
            count = f"{photographs[name]} photographs to train on, {MIN_PHOTOGRAPHS} are needed"
            yield Finding("too_few", f"the category {name!r} has {count}: {outcome}", (name,))
        elif not has_splits and products[name] < MIN_GROUPS:
            count = f"photographs of {products[name]} distinct products, {MIN_GROUPS} are needed, one for each split"
            yield Finding("too_few", f"the category {name!r} has {count}: {outcome}", (name,))
    if len(photographs) < 2:
        what = "only one" if photographs else "no"
        what = f"only {names[0]!r}" if len(names) == 1 else f"{what} category with photographs to train on"
        yield Finding("one_category", f"there is {what}: add photographs of a second category", tuple(names))


def _repeated(keys: Sequence[Hashable]) -> list[list[int]]:
    """Group the indices of equal keys other than None; groups of one are left out."""
    groups = defaultdict(list)
    for index, key in enumerate(keys):
        if key is not None:
            groups[key].append(index)
    return [indices for indices in groups.values() if len(indices) > 1]


def _finding(decoded: Decoded, indices: Sequence[int], kind: str, outcome: str) -> Finding:
    """Name the photographs at `indices`, with their categories where these differ."""
    photographs = [decoded.photographs[index] for index in indices]
    differ = len({photograph.category for photograph in photographs}) > 1
    labels = [f"{photograph.name} ({photograph.category})" if differ else photograph.name for photograph in photographs]
    names = tuple(photograph.name for photograph in photographs)
    return Finding(kind, f"{enumerate_names(labels)} {outcome}", names)
