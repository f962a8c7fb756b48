"""The end of a scan: what its complete listing lacks is gone, unless that is too much to be true."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from db import objects, runs
from db.schema import Run
from worker.storage.store import Store

MASS_REMOVAL_SHARE = 0.20
MASS_REMOVAL_LEAST = 10


@dataclass(frozen=True, slots=True)
class Ending:
    """The decision about what is missing: whether it goes, and else whether it stays marked as missing."""

    remove: bool
    settle: bool
    refused: int
    known: int


def decide_ending(session: Session, store: Store, run_id: int, *, complete: bool, allow_mass_removal: bool) -> Ending:
    """Decide whether what the listing lacks is gone: not if that is too much, or the listing was cut short."""
    known = objects.count_known(session, store.bucket, store.prefix)
    missing = known.missing if complete else 0
    removed, before = missing + known.gone_lately, known.present + known.gone_lately
    remove = complete and (allow_mass_removal or not is_mass_removal(removed, before))
    # What is refused counts on for another scan, which may see a part of it only; the next scan decides anew.
    counts_on = missing > 0 and not remove and runs.others_scan(session, run_id)
    return Ending(remove, not counts_on, 0 if remove else missing, known.present)


def settle_some(session: Session, run_id: int, *, remove: bool, after: int) -> tuple[int, int | None]:
    """Settle the first of what is missing after an id; returns how many are gone in all, and the last id, if any."""
    run = session.get_one(Run, run_id)
    ids = objects.settle_missing(session, run_id, remove=remove, after=after)
    counts = {"gone": len(ids) if remove else 0}
    run = runs.advance(session, run_id, expected=run.cursor, cursor=run.cursor, counts=counts)
    return run.counts["gone"], ids[-1] if ids else None


def has_settled(ending: Ending, run: Run, settled: tuple[int, int | None]) -> bool:
    """Tell whether a step landed whose answer was lost. What removes nothing does no harm twice."""
    gone, last = settled
    return ending.remove and last is not None and run.counts["gone"] == gone


def is_mass_removal(missing: int, known: int) -> bool:
    """Tell whether more than a fifth of the known images is missing, as with a wrong prefix or an unmounted disk."""
    return missing >= MASS_REMOVAL_LEAST and missing > MASS_REMOVAL_SHARE * known
