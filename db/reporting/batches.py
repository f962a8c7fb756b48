"""What the micro-batches of runs came to: results, flags, confidences, and the seconds of each stage.

Each has a row of its own, so that workers wait for nobody. When a run has ended, blocks of its rows become one each.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.orm import Session

from db.schema import RunBatch
from db.schema.columns import table_of

BANDS = 10
STAGES = ("read", "decode", "classify", "record")
LEAST = 200
"""Fewer images say nothing about a night."""
BLOCK_SHARE = 0.02
"""Of a run that has ended, its rows are for blocks of this share of its images, or of LEAST if that is more."""
_NUMBERS = ("images", "failed", "results", "flagged", "unlike")
_TABLE = table_of(RunBatch)
_COLUMNS = (*_NUMBERS, *(f"band_{band}" for band in range(BANDS)), *(f"{stage}_us" for stage in STAGES))


@dataclass(slots=True)
class Batch:
    """What some images of one run came to. `failed` ones have no result, and never will."""

    images: int = 0
    failed: int = 0
    results: int = 0
    flagged: int = 0
    unlike: int = 0
    bands: list[int] = field(default_factory=lambda: [0] * BANDS)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    def __add__(self, other: "Batch") -> "Batch":
        return Batch(
            **{name: getattr(self, name) + getattr(other, name) for name in _NUMBERS},
            bands=[a + b for a, b in zip(self.bands, other.bands, strict=True)],
            seconds={stage: self.seconds[stage] + other.seconds[stage] for stage in STAGES},
        )


def add(session: Session, batches: Mapping[int, Batch]) -> None:
    """Add what a micro-batch came to, by run, in the transaction that records it."""
    if batches:
        session.execute(insert(_TABLE), [_as_row(run_id, batch) for run_id, batch in batches.items()])


def total(session: Session, run_id: int) -> Batch:
    """Sum up what a run came to so far."""
    sums = (func.coalesce(func.sum(_TABLE.c[name]), 0) for name in _COLUMNS)
    return _batch(session.execute(select(*sums).where(_TABLE.c.run_id == run_id)).one())


def blocks(session: Session, run_ids: Sequence[int]) -> dict[int, list[Batch]]:
    """Return the rows of runs in the order in which they were recorded."""
    rows = _rows(session, _TABLE.c.run_id.in_(run_ids))
    return {run_id: [_batch(row[2:]) for row in of_run] for run_id, of_run in groupby(rows, lambda row: row[1])}


def compact(session: Session, run_id: int) -> None:
    """Replace the rows of a run that has ended by some for blocks of them."""
    rows = _rows(session, _TABLE.c.run_id == run_id)
    batches = [_batch(row[2:]) for row in rows]
    merged = list(stretches(batches, max(LEAST, round(BLOCK_SHARE * sum(batch.images for batch in batches)))))
    if len(merged) < len(batches):
        session.execute(delete(_TABLE).where(_TABLE.c.run_id == run_id, _TABLE.c.id <= rows[-1][0]))
        session.execute(insert(_TABLE), [_as_row(run_id, batch) for batch in merged])


def stretches(batches: Iterable[Batch], images: int) -> Iterable[Batch]:
    """Yield sums of batches that follow each other, of at least so many images; what is left belongs to the last."""
    complete: Batch | None = None
    current = Batch()
    for batch in batches:
        current = current + batch
        if current.images >= images:
            if complete is not None:
                yield complete
            complete, current = current, Batch()
    yield current if complete is None else complete + current


def beginning(batches: Iterable[Batch], images: int) -> Batch:
    """Sum up the first batches, of at least so many images, or all of them."""
    first = Batch()
    for batch in batches:
        if first.images >= images:
            break
        first = first + batch
    return first


def _rows(session: Session, condition: ColumnElement[bool]) -> Sequence[Any]:
    columns = [_TABLE.c[name] for name in ("id", "run_id", *_COLUMNS)]
    return session.execute(select(*columns).where(condition).order_by(_TABLE.c.run_id, _TABLE.c.id)).all()


def _batch(row: Sequence[Any]) -> Batch:
    numbers = [int(value) for value in row]
    after = len(_NUMBERS) + BANDS
    seconds = dict(zip(STAGES, (us / 1e6 for us in numbers[after:]), strict=True))
    figures: dict[str, Any] = dict(zip(_NUMBERS, numbers, strict=False))
    return Batch(**figures, bands=numbers[len(_NUMBERS) : after], seconds=seconds)


def _as_row(run_id: int, batch: Batch) -> dict[str, int]:
    row = {"run_id": run_id} | {name: getattr(batch, name) for name in _NUMBERS}
    row |= {f"band_{band}": images for band, images in enumerate(batch.bands)}
    return row | {f"{stage}_us": round(1e6 * batch.seconds[stage]) for stage in STAGES}
