"""Runs: who asked for which work, how far its scan has come, and what came of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db import CatalogueError, counts
from db.reporting import batches
from db.schema import ModelVersion, Run, WorkItem
from db.schema.vocabulary import HINTS, OPEN_STATES, REPROCESS, UNDO
from db.session import sql_now, upsert

SCAN_COUNTS = ("seen", "new", "changed", "gone", "gone_refused", "left_out")
_COUNTED_ANEW = {"seen": 0, "gone_refused": 0, "left_out": 0}
FEW = 1000


class ScanTakenOver(CatalogueError):
    """Another process scans for this run; this one must stop."""


def register_model(session: Session, name: str, version: str, location: str | None = None) -> ModelVersion:
    """Return the row of a bundle, made at its first use. A new location replaces the old one."""
    row = {"name": name, "version": version, "location": location, "registered_at": sql_now(session)}
    session.execute(upsert(session, ModelVersion).values(row).on_conflict_do_nothing())
    model = session.execute(select(ModelVersion).filter_by(name=name, version=version)).scalar_one()
    if location is not None:
        model.location = location
    return model


def open_run(
    session: Session,
    *,
    logical_key: str,
    kind: str,
    selection: dict[str, Any],
    model: ModelVersion,
    requested_by: str,
    state: str = "scanning",
) -> tuple[Run, bool]:
    """Return the run with this logical key, and whether this call made it: two callers get one run."""
    row = {
        "logical_key": logical_key,
        "kind": kind,
        "selection": selection,
        "model_version_id": model.id,
        "requested_by": requested_by,
        "state": state,
        "cursor": "",
        "counts": dict.fromkeys(SCAN_COUNTS, 0),
        "created_at": sql_now(session),
        "updated_at": sql_now(session),
    }
    inserted = upsert(session, Run).values(row).on_conflict_do_nothing().returning(Run.id)
    is_new = session.execute(inserted).scalar_one_or_none() is not None
    run = session.execute(select(Run).filter_by(logical_key=logical_key)).scalar_one()
    if is_new:
        _take_over_failed(session, run)
    return run, is_new


def unfinished(session: Session, *, kind: str, selection: dict[str, Any], model_version_id: int) -> Run | None:
    """Return the newest run of the same work that has begun and not ended."""
    return next(_of_same_work(session, ("planned", "scanning", "running"), kind, selection, model_version_id), None)


def _of_same_work(
    session: Session, states: Sequence[str], kind: str, selection: dict[str, Any], model_version_id: int
) -> Iterator[Run]:
    """Yield the runs of the same work in one of these states, the newest first."""
    of_model = (Run.kind == kind) & (Run.model_version_id == model_version_id)
    candidates = select(Run).where(of_model, Run.state.in_(states)).order_by(Run.id.desc())
    return (run for run in session.execute(candidates).scalars() if run.selection == selection)


def _take_over_failed(session: Session, run: Run) -> None:
    """Move the open items of failed runs of the same work to this run, which replaces them."""
    failed = [old.id for old in _of_same_work(session, ("failed",), run.kind, run.selection, run.model_version_id)]
    if failed:
        left = WorkItem.run_id.in_(failed) & WorkItem.state.in_(OPEN_STATES)
        ids = list(session.execute(select(WorkItem.id).where(left).order_by(WorkItem.id).with_for_update()).scalars())
        session.execute(update(WorkItem).where(WorkItem.id.in_(ids)).values(run_id=run.id))


def find(session: Session, logical_key: str) -> Run | None:
    """Return the run with this logical key."""
    return session.execute(select(Run).filter_by(logical_key=logical_key)).scalar_one_or_none()


def last_of(session: Session, kind: str) -> Run | None:
    """Return the newest run of a kind."""
    newest = select(Run).where(Run.kind == kind).order_by(Run.id.desc()).limit(1)
    return session.execute(newest).scalar_one_or_none()


def reopen_failed(session: Session, run: Run) -> bool:
    """Plan a failed run again; False if it has not failed."""
    run = locked(session, run.id)
    if run.state != "failed":
        return False
    run.state, run.finished_at, run.updated_at = "planned", None, sql_now(session)
    run.counts = {name: count for name, count in run.counts.items() if name != "error"}
    return True


def go_on(session: Session, run: Run, counts: dict[str, int]) -> bool:
    """Let a run that lists no source get more items, and add to what it has found; False if somebody holds it."""
    run = locked(session, run.id)
    if run.state not in ("running", "finished"):
        return False
    run.state, run.finished_at, run.updated_at = "running", None, sql_now(session)
    run.counts = run.counts | {name: run.counts.get(name, 0) + count for name, count in counts.items()}
    return True


def join(session: Session, run: Run, other: Run) -> bool:
    """End a run that has just been planned: an unfinished one does its work, and lists the source anew for it.

    False, and nothing is done, if the other one has ended meanwhile.
    """
    other = locked(session, other.id)
    if other.state not in ("planned", "scanning", "running"):
        return False
    if other.state == "running":
        other.cursor, other.counts = "", other.counts | _COUNTED_ANEW
        other.state, other.updated_at = "planned", sql_now(session)
    run.state, run.finished_at = "finished", sql_now(session)
    run.counts = run.counts | work_counts(session, run.id) | {"joined_to": other.id}
    return True


def abandoned_scans(session: Session, *, stale_s: float) -> Sequence[Run]:
    """Lock and list planned runs that list a source, and scans without progress for `stale_s` seconds."""
    waiting = (
        select(Run)
        .where(Run.kind.not_in((REPROCESS, UNDO, HINTS)))
        .where((Run.state == "planned") | ((Run.state == "scanning") & (Run.updated_at < sql_now(session, -stale_s))))
        .order_by(Run.id)
        .with_for_update(skip_locked=True)  # what is locked is being moved
    )
    return session.execute(waiting).scalars().all()


def take_over_scan(session: Session, run_id: int, *, stale_s: float) -> bool:
    """Set a run to scanning if its scan has made no progress for `stale_s` seconds; whether it had not."""
    return any(run.id == run_id and begin_scan(session, run) for run in abandoned_scans(session, stale_s=stale_s))


def advance(session: Session, run_id: int, *, expected: str, cursor: str, counts: dict[str, int]) -> Run:
    """Move the scan from key `expected` to `cursor`, add `counts`. The cursor is a fence: one of two scanners wins."""
    run = locked(session, run_id)
    if run.state != "scanning" or run.cursor != expected:
        raise ScanTakenOver(
            f"run {run_id} is {run.state} and its scan is at another key: another process has taken it over"
        )
    run.cursor, run.updated_at = cursor, sql_now(session)
    run.counts = {name: run.counts.get(name, 0) + counts.get(name, 0) for name in SCAN_COUNTS}
    return run


def begin_scan(session: Session, run: Run) -> bool:
    """Set a run to scanning, unless it has ended meanwhile. After a complete listing it starts over, to see changes."""
    run = locked(session, run.id)
    if run.state not in ("planned", "scanning", "running"):
        return False
    if run.state == "running":
        run.cursor, run.counts = "", run.counts | _COUNTED_ANEW
    run.state, run.updated_at = "scanning", sql_now(session)
    return True


def of_store(session: Session, run_id: int, bucket: str) -> str:
    """Note which store a run's items are of; returns the key up to which it is listed."""
    run = session.get_one(Run, run_id)
    run.bucket = bucket
    return run.cursor


def scanned(session: Session, run_id: int) -> None:
    """Note that the listing is complete; from here on only open items are left of the run."""
    values: dict[str, Any] = {"state": "running", "updated_at": sql_now(session)}
    session.execute(update(Run).where(Run.id == run_id, Run.state == "scanning").values(values))


def others_scan(session: Session, run_id: int) -> bool:
    """Tell whether another run than this one is being scanned."""
    return bool(session.execute(select(Run.id).where(Run.state == "scanning", Run.id != run_id).limit(1)).all())


def fail(session: Session, run_id: int, reason: str) -> None:
    """End a run that cannot be scanned until somebody acts. What it has queued so far is still tagged."""
    run = locked(session, run_id)
    if run.state in ("planned", "scanning"):
        run.state, run.finished_at = "failed", sql_now(session)
        run.counts = run.counts | {"error": reason}


def locked(session: Session, run_id: int) -> Run:
    """Lock a run and read it anew."""
    return session.get_one(Run, run_id, with_for_update=True, populate_existing=True)


def work_counts(session: Session, run_id: int) -> dict[str, int]:
    """Return the number of a run's items by outcome so far, with those that have been removed since."""
    kept = Counter(counts.of_run(session, run_id)) + Counter(session.get_one(Run, run_id).counts.get("removed", {}))
    return {
        "tagged": kept.get("done", 0),
        "needs_review": kept.get(counts.NEEDS_REVIEW, 0),
        "skipped": kept.get("skipped", 0),
        "quarantined": kept.get("quarantined", 0),
        "cancelled": kept.get("cancelled", 0),
        "open": sum(kept.get(state, 0) for state in OPEN_STATES),
    }


def close_finished(session: Session, run_ids: Iterable[int] | None = None) -> list[int]:
    """Finish the running runs without open items, and store their final counts; returns their ids. Idempotent.

    The counts tell at once which runs may have ended, the items themselves whether they have.
    """
    counts.fold(session)
    ready = select(Run).where(Run.state == "running", Run.id.not_in(counts.runs_with(OPEN_STATES)))
    if run_ids is not None:
        ready = ready.where(Run.id.in_(list(run_ids)))
    candidates = session.execute(ready.order_by(Run.id).with_for_update()).scalars().all()
    closed = [run for run in candidates if not _has_open_items(session, run.id)]
    for run in closed:
        run.counts = run.counts | work_counts(session, run.id)
        run.state, run.finished_at = "finished", sql_now(session)
        batches.compact(session, run.id)
    return [run.id for run in closed]


def _has_open_items(session: Session, run_id: int) -> bool:
    """Tell whether items of the run are open. To count them all is quick: for LIMIT 1 PostgreSQL walks the table."""
    are_open = WorkItem.run_id == run_id, WorkItem.state.in_(OPEN_STATES)
    return session.execute(select(func.count()).where(*are_open)).scalar_one() > 0


def next_retry_at(session: Session, run_id: int) -> datetime | None:
    """Return when the first of a run's last waiting items may be tried again; None if none waits, or many do."""
    if counts.of_run(session, run_id).get("pending", 0) > FEW:
        return None
    waiting = select(func.min(WorkItem.eligible_at)).where(WorkItem.run_id == run_id, WorkItem.state == "pending")
    return session.execute(waiting).scalar_one()
