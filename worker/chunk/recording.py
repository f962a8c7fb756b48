"""Recording of a micro-batch: results, faults and the figures of both, in one transaction."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from db import tags
from db.queue import leases
from db.queue.leases import ClaimedItem
from db.reporting import batches
from db.reporting.batches import BANDS, Batch
from db.schema import CONFIDENCE_UNIT
from db.tags import Tagged
from worker.chunk.reading import Fault

Ended = list[tuple[Fault, str]]
"""Faults whose items were still ours, and the state each is in now."""


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What came of a micro-batch: results, faults that last, and strikes against images."""

    tagged: Sequence[Tagged]
    lasting: Sequence[Fault]
    struck: Sequence[Fault]

    @property
    def ended(self) -> list[ClaimedItem]:
        """The items whose leases end with this."""
        return [*(result.item for result in self.tagged), *(fault.item for fault in (*self.lasting, *self.struck))]


def record(
    session: Session, batch: MicroBatch, spent: Mapping[int, dict[str, float]], *, model_version_id: int
) -> tuple[int, Ended, Ended]:
    """Write all of a micro-batch; returns how many images were recorded, and which were skipped and struck.

    `spent` are the seconds of each stage by run. They are written once: not if nothing of the batch is ours any more,
    as when the answer to a COMMIT was lost and it is recorded again.
    """
    if batch.lasting or batch.struck:
        tags.lock(session, batch.ended)
    recorded = tags.record(session, batch.tagged, model_version_id=model_version_id)
    skipped = end_each(session, leases.skip, batch.lasting)
    struck = end_each(session, leases.strike, batch.struck)
    if recorded or skipped or struck:
        batches.add(session, _figures(batch, spent))
    return recorded, skipped, struck


def end_each(session: Session, end: Callable[..., str | None], faults: Sequence[Fault]) -> Ended:
    """End items in the order of their ids, as everybody locks them; return those that were still ours."""
    by_id = sorted(faults, key=lambda fault: fault.item.id)
    ended = [(fault, end(session, fault.item, **fault.ending())) for fault in by_id]
    return [(fault, state) for fault, state in ended if state is not None]


def _figures(batch: MicroBatch, spent: Mapping[int, dict[str, float]]) -> dict[int, Batch]:
    by_run: defaultdict[int, Batch] = defaultdict(Batch)
    for result in batch.tagged:
        figures = by_run[result.item.run_id]
        figures.images += 1
        figures.results += 1
        figures.flagged += result.needs_review
        figures.unlike += result.review_reason == "unlike_training"
        figures.bands[min(result.confidence * BANDS // CONFIDENCE_UNIT, BANDS - 1)] += 1
    for fault in batch.lasting:
        by_run[fault.item.run_id].images += 1
        by_run[fault.item.run_id].failed += 1
    for run_id, seconds in spent.items():
        by_run[run_id].seconds = seconds
    return dict(by_run)
