"""Inspection of labelled photographs: what cannot be used, what contradicts, and what must stay in one split."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.inspection import checks, near_duplicates
from model.data.inspection.checks import Decoded
from model.data.inspection.findings import Finding, lines, printable
from model.data.photographs import SPLITS, Photograph
from model.images.decoding import DEFAULT_LIMITS, DecodeHints, DecodeLimits, ImageRejected, decode
from model.images.memory import MemoryBudget

THREADS = 4


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result for `given` photographs.

    `photographs` are the usable ones, in the order given. `groups` int64[N] is equal for those that must stay in one
    split: images of one product, and images that look the same. `categories` counts the usable photographs of every
    category given, sorted by name.
    """

    given: int
    photographs: tuple[Photograph, ...]
    groups: npt.NDArray[np.int64]
    categories: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def stops(self) -> bool:
        """Whether something must be fixed before training."""
        return any(finding.stops for finding in self.findings)

    @property
    def names(self) -> tuple[str, ...]:
        """The categories with a usable photograph, sorted."""
        return tuple(name for name, count in self.categories.items() if count)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """The category of each photograph, int64[N] into `names`."""
        index_of = {name: index for index, name in enumerate(self.names)}
        return np.asarray([index_of[photograph.category] for photograph in self.photographs], np.int64)

    @property
    def splits(self) -> dict[str, int]:
        """The usable photographs that the source assigns to each split; empty where it assigns none."""
        counts = Counter(photograph.split for photograph in self.photographs)
        return {split: counts[split] for split in SPLITS if counts[split]}

    def as_json(self) -> dict[str, Any]:
        """Return everything but the photographs."""
        return {
            "given": self.given,
            "usable": len(self.photographs),
            "categories": self.categories,
            "splits": self.splits,
            "groups": len(np.unique(self.groups)),
            "stops": self.stops,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def lines(self) -> Iterator[str]:
        """Describe the result for people."""
        splits = ", ".join(f"{count:,} {split}" for split, count in self.splits.items())
        yield f"{self.given:,} photographs, {len(self.photographs):,} usable" + (f" ({splits})" if splits else "")
        counts = ", ".join(f"{printable(name)} {count:,}" for name, count in self.categories.items())
        yield f"{len(self.categories):,} categories: {counts}"
        yield from lines(self.findings)
        yield "Training cannot start: fix what is named above first." if self.stops else "Training can start."


def inspect(
    photographs: Sequence[Photograph],
    *,
    limits: DecodeLimits = DEFAULT_LIMITS,
    folder_findings: Sequence[Finding] = (),
    threads: int = THREADS,
    report_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 -- named for callers
) -> Inspection:
    """Decode each photograph once, and find out which can be used and what is wrong with the others.

    `folder_findings` come from folder_checks and are passed on. `report_progress` gets how many of how many are done.
    Raises what a photograph's `read` raises besides OSError and ImageRejected, as for a store that is out of reach.
    """
    results: list[Fingerprint | Finding] = []
    budget = MemoryBudget()
    with ThreadPoolExecutor(threads, thread_name_prefix="inspect") as pool:
        for result in pool.map(lambda photograph: _fingerprint(photograph, limits, budget), photographs):
            results.append(result)
            report_progress(len(results), len(photographs))
    findings = [*folder_findings, *(result for result in results if isinstance(result, Finding))]
    decoded = _decoded(photographs, results)
    for check in checks.CHECKS:
        new, left_out = check(decoded)
        findings += new
        decoded = decoded.without(left_out)
    usable = decoded.photographs
    groups = near_duplicates.group_by_product(decoded.pictures, [photograph.product for photograph in usable])
    findings += checks.check_names(photographs)
    findings += checks.check_counts(photographs, usable, groups)
    counts = Counter(photograph.category for photograph in usable)
    categories = {name: counts[name] for name in sorted({photograph.category for photograph in photographs})}
    return Inspection(len(photographs), usable, groups, categories, tuple(findings))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a decoded photograph: its file's SHA-256, its hash, and a thumbnail uint8[EDGE, EDGE, 3]."""

    digest: bytes
    hash: int
    thumbnail: near_duplicates.Thumbnails


def _fingerprint(photograph: Photograph, limits: DecodeLimits, budget: MemoryBudget) -> Fingerprint | Finding:
    try:
        data = photograph.read()
        with budget.lease() as reserve:
            image = decode(data, DecodeHints(near_duplicates.MIN_EDGE), limits=limits, reserve=reserve)
            return Fingerprint(
                hashlib.sha256(data).digest(), near_duplicates.perceptual_hash(image), near_duplicates.thumbnail(image)
            )
    except ImageRejected as error:
        return _unreadable(photograph, error.reason, error.detail)
    except OSError as error:
        return _unreadable(photograph, "unreadable", error.strerror or str(error))


def _unreadable(photograph: Photograph, reason: str, detail: str) -> Finding:
    return Finding("unreadable", f"{photograph.name}: {reason}: {detail}", (photograph.name,))


def _decoded(photographs: Sequence[Photograph], results: Sequence[Fingerprint | Finding]) -> Decoded:
    """Compare the decoded photographs; of identical files only one takes part."""
    pairs = zip(photographs, results, strict=True)
    readable = [(photograph, result) for photograph, result in pairs if isinstance(result, Fingerprint)]
    digests = tuple(result.digest for _, result in readable)
    unique = {result.digest: result for _, result in reversed(readable)}
    thumbnails = np.asarray([result.thumbnail for result in unique.values()], np.uint8)
    numbers = near_duplicates.picture_numbers(
        np.asarray([result.hash for result in unique.values()], np.uint64),
        thumbnails.reshape(-1, near_duplicates.EDGE, near_duplicates.EDGE, 3),
    )
    number_of = dict(zip(unique, numbers.tolist(), strict=True))
    pictures = np.asarray([number_of[digest] for digest in digests], np.int64)
    return Decoded(tuple(photograph for photograph, _ in readable), pictures, digests)
