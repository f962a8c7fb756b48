"""The gate in the catalogue: what a night came to, the good nights before it, what was found and accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, exists, insert, select
from sqlalchemy.orm import Session, aliased

from db import actors, counts
from db.operations.schedule import NIGHTLY
from db.reporting import batches
from db.reporting.batches import LEAST, Batch
from db.schema import GateFinding, NightNotice, Run
from db.schema.vocabulary import UNDO
from db.session import now, sql_now

NIGHTS = 14
GATE = "gate"
"""Who writes the notes of the gate."""
_LATELY_S = 2 * 86_400.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a night is: images that have ended, those of them that failed, those in work, and all it has so far."""

    images: int
    failed: int
    leased: int
    items: int


def at_work(session: Session, run_id: int | None = None) -> Sequence[Run]:
    """List the nights that are worked on, or this run if it is one, without those of which something was found."""
    return session.execute(_at_work(run_id)).scalars().all()


@lru_cache(64)
def _at_work(run_id: int | None) -> Select[Run]:
    """Keep the statement, which is sent with each claim."""
    nights = select(Run).where(Run.kind == NIGHTLY, Run.state.in_(("scanning", "running")))
    nights = nights.where(~exists().where(GateFinding.run_id == Run.id)).order_by(Run.id)
    return nights if run_id is None else nights.where(Run.id == run_id)


def progress(session: Session, run_id: int) -> Progress:
    """Count how far a night is."""
    items = counts.of_run(session, run_id)
    failed = items.get("skipped", 0) + items.get("quarantined", 0)
    in_all = sum(count for name, count in items.items() if name != counts.NEEDS_REVIEW)
    return Progress(items.get("done", 0) + failed, failed, items.get("leased", 0), in_all)


def figures(session: Session, run_id: int, far: Progress) -> Batch:
    """Sum up what a night came to so far. What failed is counted anew, as some images are given up on later."""
    summed = batches.total(session, run_id)
    summed.images, summed.failed = far.images, far.failed
    return summed


def good_nights(session: Session, run: Run, limit: int = NIGHTS) -> list[list[Batch]]:
    """Return what the last good nights before a night came to, the newest first, each in blocks as it was recorded.

    Good is a night of the same model that has ended, tagged some images, and was not undone; and one at which the gate
    found something only if that was for want of good nights, or somebody accepted it.
    """
    undoing, counted = aliased(Run), Run.counts
    refused = exists().where(
        GateFinding.run_id == Run.id, GateFinding.action != "learning", GateFinding.accepted_at.is_(None)
    )
    undone = exists().where(undoing.kind == UNDO, undoing.selection["run"].as_integer() == Run.id)
    good = (
        select(Run.id)
        .where(Run.kind == NIGHTLY, Run.state == "finished", Run.id < run.id)
        .where(Run.model_version_id == run.model_version_id, counted["tagged"].as_integer() >= LEAST)
        .where(~refused, ~undone)
    )
    ids = session.execute(good.order_by(Run.id.desc()).limit(limit)).scalars().all()
    by_run = batches.blocks(session, ids)
    return [by_run[run_id] for run_id in ids if sum(block.results for block in by_run.get(run_id, ())) >= LEAST]


def note(session: Session, run_id: int, action: str, detail: dict[str, Any]) -> None:
    """Keep what was found at a night. The caller holds the lock of its run."""
    row = {"run_id": run_id, "action": action, "at": sql_now(session), "detail": detail}
    session.execute(insert(GateFinding).values(row))


def finding(session: Session, run_id: int) -> GateFinding | None:
    """Return what the gate found at a run."""
    return session.get(GateFinding, run_id)


def holds(found: GateFinding | None) -> bool:
    """Tell whether the gate holds a run until somebody accepts it."""
    return found is not None and found.action == "held" and found.accepted_at is None


def accept(session: Session, run_id: int, *, actor: str, why: str) -> bool:
    """Let a run through, once; False if the gate has found nothing at it, or it was accepted before."""
    found = session.get(GateFinding, run_id, with_for_update=True, populate_existing=True)
    if found is None or found.accepted_at is not None:
        return False
    found.accepted_by, found.accepted_why, found.accepted_at = actor, why, now(session)
    return True


def untold(session: Session) -> list[tuple[Run, GateFinding]]:
    """List what was found in the last days and is not among the notices of its night."""
    is_told = exists().where(NightNotice.night == Run.logical_key, NightNotice.notice == "gate")
    found = select(Run, GateFinding).join_from(GateFinding, Run, Run.id == GateFinding.run_id)
    lately = found.where(GateFinding.at > sql_now(session, -_LATELY_S), ~is_told)
    return [(run, finding) for run, finding in session.execute(lately.order_by(Run.id))]


def as_json(found: GateFinding | None) -> dict[str, Any] | None:
    """Return a finding as plain values, as `tagger runs show` has it."""
    if found is None:
        return None
    return {
        "action": found.action,
        "at": found.at.isoformat(),
        **found.detail,
        "accepted_by": found.accepted_by and actors.name_of(found.accepted_by),
        "accepted_at": found.accepted_at.isoformat() if found.accepted_at else None,
        "accepted_why": found.accepted_why,
    }
