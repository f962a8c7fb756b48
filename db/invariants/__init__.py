"""Invariants of the catalogue: what `tagger verify` checks, and every fault test at its end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.invariants import items, totals, trail
from db.schema import Classification, ImageTag, Run, SourceObject, TagEvent, WorkItem

INVARIANTS = {
    "I1": "each scanned object version has exactly one item for each model and request",
    "I2": "at most one classification for an item",
    "I3": "an item is done if and only if it has a classification",
    "I4": "the fence only grows, and a result carries its claim's",
    "I5": "a human tag changes only by a human",
    "I6": "every open item becomes claimable within one lease or back-off",
    "I7": "the trail of tag events only grows, each event from where the last one ended, and leads to the tag",
    "I8": "the states of a run's items add up to its counts",
    "I9": "no item is claimed again and again without a count against it, and none waits where nobody claims",
}
ROWS_AT_ONCE = 100_000
RUNS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Violation:
    """One row that breaks one invariant."""

    invariant: str
    table: str
    row_id: int
    detail: str


@dataclass(frozen=True, slots=True)
class Step:
    """One short statement: the rows of one range of ids that break one invariant, in one snapshot of the catalogue."""

    invariant: str
    table: str
    statement: Select[Any, Any]

    def violations(self, session: Session) -> list[Violation]:
        """Read them."""
        rows = session.execute(self.statement)
        return [Violation(self.invariant, self.table, row_id, str(detail)) for row_id, detail in rows]


def violations(session: Session) -> Iterator[Violation]:
    """Yield every row that breaks an invariant. Reads only."""
    for step in steps(session):
        yield from step.violations(session)


def steps(session: Session) -> list[Step]:
    """Divide the checks into short ones, by ranges of ids as they are now; each may have a transaction of its own."""
    return [
        Step(invariant, table, statement.where(key.between(*ids)))
        for invariant, table, key, ranges, statement in _checks(session)
        for ids in ranges
    ]


_Ranges = list[tuple[int, int]]


def _ranges(session: Session, key: InstrumentedAttribute[int], width: int) -> _Ranges:
    least, greatest = session.execute(select(func.min(key), func.max(key))).one()
    starts = range(0) if least is None else range(least, greatest + 1, width)
    return [(start, start + width - 1) for start in starts]


def _checks(session: Session) -> Iterator[tuple[str, str, InstrumentedAttribute[int], _Ranges, Select[Any, Any]]]:
    """Yield each check with the key by whose ranges it is made."""
    by_object = _ranges(session, SourceObject.id, ROWS_AT_ONCE)
    by_item = _ranges(session, WorkItem.id, ROWS_AT_ONCE)
    by_run = _ranges(session, Run.id, RUNS_AT_ONCE)
    yield "I1", "source_object", SourceObject.id, by_object, items.objects_without_work()
    yield "I1", "work_item", WorkItem.object_id, by_object, items.items_twice()
    yield "I2", "work_item", Classification.work_item_id, by_item, items.classified_twice()
    yield "I3", "work_item", WorkItem.id, by_item, items.done_without_result()
    yield "I3", "work_item", WorkItem.id, by_item, items.result_without_done()
    yield "I4", "work_item", WorkItem.id, by_item, items.fence_off()
    yield "I5", "image_tag", TagEvent.object_id, by_object, trail.human_decisions_lost()
    yield "I6", "work_item", WorkItem.id, by_item, items.stuck(session)
    yield "I7", "tag_event", TagEvent.object_id, by_object, trail.gaps_in_trail()
    yield "I7", "tag_event", TagEvent.object_id, by_object, trail.broken_chain(session)
    yield "I7", "image_tag", ImageTag.object_id, by_object, trail.trail_ends_elsewhere()
    yield "I8", "run", Run.id, by_run, totals.finished_with_open_items()
    yield "I8", "run", Run.id, by_run, totals.counts_off()
    yield "I8", "run", Run.id, by_run, totals.kept_counts_off()
    yield "I9", "work_item", WorkItem.id, by_item, items.claimed_in_vain()
    yield "I9", "work_item", WorkItem.id, by_item, items.unserved()
