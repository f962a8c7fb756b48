"""Pausing, resuming and cancelling of runs. Many items change in steps, and between any two the invariants hold.

    planned | scanning | running --pause--> paused --resume--> planned | running
    planned | scanning | running | paused | failed --> paused --items, step by step--> cancelled
    cancelled --> paused --items, step by step--> planned | running

Nobody claims of a run that is paused, so that both take effect at the next chunk, however many items there are.
"""

from typing import Any

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from db import CatalogueError, runs
from db.operations import notes
from db.reporting import gate
from db.schema import Run, SourceObject, WorkItem
from db.schema.columns import table_of
from db.schema.lists import in_list
from db.schema.vocabulary import OPEN_STATES
from db.session import dialect_of, sql_now
from db.tags import lock_objects

STEP = 1000
"""The most rows that one transaction changes."""
_NOT_ENDED = ("planned", "scanning", "running")


class NoSuchRun(CatalogueError):
    """No run has that id or logical key."""


class RunRefused(CatalogueError):
    """The state of the run does not allow what was asked for."""


def find(session: Session, name: str) -> Run:
    """Return the run with this id or logical key. Raises NoSuchRun."""
    by_id = Run.id == int(name) if name.isdecimal() and len(name) < 19 else None
    found = select(Run).where(Run.logical_key == name if by_id is None else by_id)
    run = session.execute(found).scalar_one_or_none()
    if run is None:
        raise NoSuchRun(f"there is no run {name}; `tagger runs` lists them")
    return run


def pause(session: Session, run_id: int, *, actor: str, why: str) -> bool:
    """Keep everybody from claiming of a run; whether it was not paused before. Raises RunRefused."""
    run = runs.locked(session, run_id)
    if run.state == "paused":
        return False
    _hold(run, _NOT_ENDED, "paused")
    notes.add(session, run_id, why, actor=actor, action="paused")
    return True


def begin_cancel(session: Session, run_id: int) -> bool:
    """Hold a run whose items are to be cancelled; whether there is anything to do. Raises RunRefused."""
    run = runs.locked(session, run_id)
    if run.state == "cancelled":
        return False
    if run.state != "paused":
        _hold(run, (*_NOT_ENDED, "failed"), "cancelled")
    return True


def cancel_some(session: Session, run_id: int, after: int) -> int | None:
    """Cancel up to STEP open items, above the id `after`, of a run that is held; a result for one of them is refused.

    Returns the id to go on above; at the end that is 0, and None once none is open from there on.
    """
    is_open = WorkItem.run_id == run_id, WorkItem.state.in_(OPEN_STATES), WorkItem.id > after
    some = select(WorkItem.id).where(*is_open).order_by(WorkItem.id).limit(STEP).with_for_update().cte("some")
    cancelled = update(WorkItem).where(WorkItem.id.in_(select(some.c.id))).values(state="cancelled", lease_owner=None)
    told = cancelled.returning(WorkItem.id).execution_options(synchronize_session=False)
    return max(session.execute(told).scalars(), default=0 if after else None)


def end_cancel(session: Session, run_id: int, *, actor: str, why: str) -> None:
    """Note that no item of the run is open any more."""
    run = runs.locked(session, run_id)
    if run.state == "paused":
        run.state, run.finished_at = "cancelled", sql_now(session)
        run.counts = run.counts | runs.work_counts(session, run_id)
        notes.add(session, run_id, why, actor=actor, action="cancelled")


def begin_resume(session: Session, run_id: int) -> bool:
    """Take a cancelled run back to paused, so that its items can be opened; False if it needs no resuming.

    Raises RunRefused for one that the gate holds until somebody accepts it.
    """
    run = runs.locked(session, run_id)
    if run.state in _NOT_ENDED:
        return False
    if gate.holds(gate.finding(session, run_id)):
        raise RunRefused(
            f"the gate holds run {run_id}, as `tagger runs show {run_id}` says: look at its images with `tagger report "
            f"{run_id} -o held.html`, then `tagger runs resume {run_id} --accept WHY`, or cancel it"
        )
    if run.state == "cancelled":
        run.state, run.finished_at = "paused", None
    if run.state != "paused":
        raise RunRefused(f"run {run_id} is {run.state}: only a run that was paused or cancelled can be resumed")
    return True


def revive_some(session: Session, run_id: int, after: int) -> int | None:
    """Open up to STEP cancelled items with ids above `after` again; returns the last id looked at, None at the end.

    Those of images that are gone, were overwritten or wait in another run stay cancelled.
    """
    of_run = WorkItem.run_id == run_id, WorkItem.state == "cancelled", WorkItem.id > after
    page = select(WorkItem.id, WorkItem.object_id).where(*of_run).order_by(WorkItem.id).limit(STEP)
    items = dict(session.execute(page).all())
    if not items:
        return None
    lock_objects(session, list(items.values()))
    image, other = SourceObject, aliased(WorkItem)
    is_current = exists().where(
        image.id == WorkItem.object_id, image.version_token == WorkItem.version_token, image.gone_at.is_(None)
    )
    same_work = other.object_id == WorkItem.object_id, other.model_version_id == WorkItem.model_version_id
    newer = and_(other.run_id == run_id, other.state == "cancelled", other.id > WorkItem.id)
    replaced = exists().where(*same_work, or_(other.state.in_(OPEN_STATES), newer))
    opened: dict[str, Any] = {"state": "pending", "eligible_at": sql_now(session), "claimed_alone": False}
    these = in_list(dialect_of(session), WorkItem.id, "ids"), *of_run, is_current, ~replaced
    reviving = update(table_of(WorkItem)).where(*these).values(opened)
    session.execute(reviving, {"ids": list(items)})
    return max(items)


def end_resume(session: Session, run_id: int, *, actor: str, why: str) -> None:
    """Let workers claim of the run again, or a scan go on where it was."""
    run = runs.locked(session, run_id)
    if run.state == "paused":
        run.state, run.held_in = run.held_in or "running", None
        run.updated_at = sql_now(session)
        notes.add(session, run_id, why, actor=actor, action="resumed")


def _hold(run: Run, states: tuple[str, ...], what: str) -> None:
    if run.state not in states:
        raise RunRefused(f"run {run.id} is {run.state}: it cannot be {what} any more")
    run.held_in = "running" if run.state == "running" else "planned"
    run.state = "paused"
