"""Photographs are looked through before a training: what cannot be used, what contradicts, what belongs together."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.inspection import checks, near_duplicates
from model.data.inspection.checks import Seen
from model.data.inspection.findings import Finding, lines, printable
from model.data.photographs import SPLITS, Photograph
from model.images.decoding import DEFAULT_LIMITS, DecodeLimits, ImageRejected, decode
from model.images.pixel_budget import PixelBudget

THREADS = 4


@dataclass(frozen=True, slots=True)
class Inspection:
    """What came of `given` photographs.

    `photographs` are those to train on, in the order given, and `groups` int64[N] has the same number for those that
    must stay in one split: images of one product, and images that look the same. `categories` has the number of
    photographs to be used for every category given, sorted by name.
    """

    given: int
    photographs: tuple[Photograph, ...]
    groups: npt.NDArray[np.int64]
    categories: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def stops(self) -> bool:
        """Is there something that has to be mended before a training?"""
        return any(each.stops for each in self.findings)

    @property
    def names(self) -> tuple[str, ...]:
        """The categories that have a photograph, sorted."""
        return tuple(name for name, count in self.categories.items() if count)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """int64[N], indices of `names`."""
        at = {name: number for number, name in enumerate(self.names)}
        return np.asarray([at[each.category] for each in self.photographs], np.int64)

    @property
    def splits(self) -> dict[str, int]:
        """How many of the photographs to be used the source gives to each split; none where it gives no split."""
        counts = Counter(each.split for each in self.photographs)
        return {split: counts[split] for split in SPLITS if counts[split]}

    def as_json(self) -> dict[str, Any]:
        """All but the photographs."""
        return {
            "given": self.given,
            "usable": len(self.photographs),
            "categories": self.categories,
            "splits": self.splits,
            "groups": len(np.unique(self.groups)),
            "stops": self.stops,
            "findings": [{"kind": each.kind, "sentence": each.sentence, "names": each.names} for each in self.findings],
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        count = f"{self.given:,} photographs, {len(self.photographs):,} of them can be used"
        given = ", ".join(f"{number:,} {split}" for split, number in self.splits.items())
        yield count + (f" ({given})" if given else "")
        counts = ", ".join(f"{printable(name)} {number:,}" for name, number in self.categories.items())
        yield f"{len(self.categories):,} categories: {counts}"
        yield from lines(self.findings)
        yield "A training would stop here: mend that first." if self.stops else "A training could start."


def inspect(
    photographs: Sequence[Photograph],
    *,
    limits: DecodeLimits = DEFAULT_LIMITS,
    noticed: Sequence[Finding] = (),
    threads: int = THREADS,
    report_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 -- named for callers
) -> Inspection:
    """Read and decode each photograph once, and say which can be used, and what is wrong with the others.

    `noticed` are findings made before, of where the photographs lie. `report_progress` is told how many of how many are
    done. Raises what a photograph's `read` raises beside OSError and ImageRejected: a store out of reach, say.
    """
    looks: list[Look | Finding] = []
    for look in _looks(photographs, limits, threads):
        looks.append(look)
        report_progress(len(looks), len(photographs))
    findings = [*noticed, *(each for each in looks if isinstance(each, Finding))]
    seen = _seen(photographs, looks)
    for sieve in checks.ALL:
        found, out = sieve(seen)
        findings += found
        seen = seen.without(out)
    groups = near_duplicates.joined(seen.alike, [each.product for each in seen.photographs])
    findings += checks.of_names(photographs)
    findings += checks.of_counts(photographs, seen.photographs, groups)
    counts = Counter(each.category for each in seen.photographs)
    categories = {name: counts[name] for name in sorted({each.category for each in photographs})}
    return Inspection(len(photographs), seen.photographs, groups, categories, tuple(findings))


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept of a photograph that was decoded: SHA-256 of its bytes, its hash, uint8[16, 16, 3]."""

    digest: bytes
    hash: int
    thumbnail: near_duplicates.Thumbnails


def _looks(photographs: Sequence[Photograph], limits: DecodeLimits, threads: int) -> Iterator[Look | Finding]:
    """In the order of the photographs, a few of them at a time."""
    budget = PixelBudget()
    with ThreadPoolExecutor(threads, thread_name_prefix="inspect") as pool:
        yield from pool.map(lambda each: _look(each, limits, budget), photographs)


def _look(photograph: Photograph, limits: DecodeLimits, budget: PixelBudget) -> Look | Finding:
    try:
        data = photograph.read()
        with budget.lease() as reserve:
            image = decode(data, limits=limits, min_edge=near_duplicates.MIN_EDGE, reserve=reserve)
            return Look(
                hashlib.sha256(data).digest(), near_duplicates.perceptual_hash(image), near_duplicates.thumbnail(image)
            )
    except ImageRejected as error:
        return _unreadable(photograph, error.reason, error.detail)
    except OSError as error:
        return _unreadable(photograph, "unreadable", error.strerror or str(error))


def _unreadable(photograph: Photograph, reason: str, detail: str) -> Finding:
    return Finding("unreadable", f"{photograph.name}: {reason}: {detail}", (photograph.name,))


def _seen(photographs: Sequence[Photograph], looks: Sequence[Look | Finding]) -> Seen:
    pairs = [(each, look) for each, look in zip(photographs, looks, strict=True) if isinstance(look, Look)]
    good = [look for _, look in pairs]
    digests = [each.digest for each in good]
    first = list({digest: at for at, digest in reversed(list(enumerate(digests)))}.values())
    hashes = np.asarray([good[at].hash for at in first], np.uint64)
    thumbnails = np.asarray([good[at].thumbnail for at in first], np.uint8).reshape(
        -1, near_duplicates.EDGE, near_duplicates.EDGE, 3
    )
    number_of = dict(
        zip((digests[at] for at in first), near_duplicates.alike(hashes, thumbnails).tolist(), strict=True)
    )
    alike = np.asarray([number_of[digest] for digest in digests], np.int64)
    return Seen(tuple(each for each, _ in pairs), alike, tuple(digests))
