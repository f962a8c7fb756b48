"""Open work that other runs have left: adopted by the run that asks for the same images, or counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from db.keys import under
from db.queue.retries import UNREAD
from db.schema import ModelVersion, Run, SourceObject, WorkItem
from db.schema.vocabulary import OPEN_STATES
from db.session import sql_now

_HELD = ("paused", "cancelled")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run with open images that no process works on."""

    run_id: int
    kind: str
    state: str
    source: str | None
    bundle_id: str
    images: int


def adopt(session: Session, run: Run, bucket: str, prefix: str, *, at_most: int) -> int:
    """Move up to `at_most` open images under this prefix to this run, if scans queued them for its bundle."""
    of_model = WorkItem.model_version_id == run.model_version_id
    return _change(session, _left_open(run, bucket, prefix).where(of_model), at_most, {"run_id": run.id})


def supersede(session: Session, run: Run, bucket: str, prefix: str, *, at_most: int) -> int:
    """End up to `at_most` open images that wait for another version of this run's bundle, but have work for this one.

    Should that version be asked for again, the next scan queues them anew.
    """
    model, newer = session.get_one(ModelVersion, run.model_version_id), aliased(WorkItem)
    of_other_version = and_(ModelVersion.name == model.name, ModelVersion.id != model.id)
    has_work = exists().where(
        newer.object_id == WorkItem.object_id,
        newer.version_token == WorkItem.version_token,
        newer.model_version_id == model.id,
        or_(newer.state != "skipped", newer.reason.not_in(UNREAD)),
    )
    left = _left_open(run, bucket, prefix).join(ModelVersion, ModelVersion.id == WorkItem.model_version_id)
    ended = {
        "state": "skipped",
        "reason": "superseded",
        "detail": f"{model.bundle_id} was asked for",
        "lease_owner": None,
    }
    return _change(session, left.where(of_other_version, has_work), at_most, ended)


def _left_open(run: Run, bucket: str, prefix: str) -> Select[int]:
    """Select the open items under a prefix that scans for other runs have queued, unless those are held."""
    other = aliased(Run)
    return (
        select(WorkItem.id)
        .join(SourceObject, SourceObject.id == WorkItem.object_id)
        .join(other, other.id == WorkItem.run_id)
        .where(SourceObject.bucket == bucket, under(prefix), _is_open(), WorkItem.run_id != run.id)
        .where(or_(WorkItem.request_id == "scan", WorkItem.request_id.startswith("scan:")), other.state.not_in(_HELD))
    )


def _change(session: Session, items: Select[int], at_most: int, values: dict[str, Any]) -> int:
    locked = items.order_by(WorkItem.id).limit(at_most).with_for_update(of=WorkItem)
    ids = list(session.execute(locked).scalars())
    statement = update(WorkItem).where(WorkItem.id.in_(ids)).values(values)
    session.execute(statement.execution_options(synchronize_session=False))
    return len(ids)


def waiting(session: Session, *, but_run: int) -> Sequence[Waiting]:
    """List the other unfinished runs with open images, but none in which a lease says that somebody works on it."""
    is_leased = and_(WorkItem.state == "leased", WorkItem.eligible_at > sql_now(session))
    statement = (
        select(Run, ModelVersion, func.count())
        .join(ModelVersion, ModelVersion.id == Run.model_version_id)
        .join(WorkItem, WorkItem.run_id == Run.id)
        .where(Run.state.not_in(("finished", "cancelled")), Run.id != but_run, _is_open())
        .group_by(Run.id, ModelVersion.id)
        .having(func.count().filter(is_leased) == 0)
        .order_by(Run.id)
    )
    return [
        Waiting(run.id, run.kind, run.state, run.selection.get("source"), model.bundle_id, images)
        for run, model, images in session.execute(statement)
    ]


def owners(session: Session) -> list[str]:
    """List who holds leases that have not run out."""
    held = (WorkItem.state == "leased") & (WorkItem.eligible_at > sql_now(session))
    return [owner for owner in session.execute(select(WorkItem.lease_owner).where(held).distinct()).scalars() if owner]


def held_until(session: Session, run_id: int, owner: str) -> tuple[str, datetime] | None:
    """Return who else holds images of a run, and when the first lease of theirs ends; None if this owner has some."""
    of_run = (WorkItem.run_id == run_id) & (WorkItem.state == "leased")
    mine = select(WorkItem.id).where(of_run, WorkItem.lease_owner == owner).limit(1)
    if session.execute(mine).first() is not None:
        return None
    first = select(WorkItem.lease_owner, WorkItem.eligible_at).where(of_run).order_by(WorkItem.eligible_at).limit(1)
    row = session.execute(first).first()
    return (row.lease_owner or "somebody", row.eligible_at) if row else None


def _is_open() -> ColumnElement[bool]:
    return WorkItem.state.in_(OPEN_STATES)
