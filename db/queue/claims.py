"""Claims: who may lease which item next. An item whose lease ran out is claimed anew, alone."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.orm import Session

from db.queue.leases import LEASE_S, MAX_CRASHES, ClaimedItem
from db.queue.throttle import throttled_until
from db.schema import Run, SourceObject, WorkItem
from db.session import sql_now

QUEUES = ("ops", "nightly")
_IN_TURN = (WorkItem.priority, WorkItem.eligible_at, WorkItem.id)


def next_model(session: Session, queue: str, run_id: int | None = None) -> int | None:
    """Return the model of the next claimable item; None when nothing is claimable now."""
    if throttled_until(session) is not None:
        return None
    for state in ("leased", "pending"):
        waiting = select(WorkItem.model_version_id).where(*_claimable(session, queue, state, run_id))
        model_version_id = session.execute(waiting.order_by(*_IN_TURN).limit(1)).scalar_one_or_none()
        if model_version_id is not None:
            return model_version_id
    return None


def claim(
    session: Session,
    *,
    queue: str,
    model_version_id: int,
    owner: str,
    limit: int,
    lease_s: float = LEASE_S,
    run_id: int | None = None,
) -> list[ClaimedItem]:
    """Lease up to `limit` items of one model. One whose lease ran out comes alone: it may have killed its worker.

    One with a strike comes alone, too, and after all that have none.
    """
    of_model = WorkItem.model_version_id == model_version_id
    lost = [*_claimable(session, queue, "leased", run_id), of_model]
    _quarantine_killers(session, lost)
    items = _lease(session, lost, owner, 1, lease_s, alone=True)
    waiting = [*_claimable(session, queue, "pending", run_id), of_model]
    if not items:
        items = _lease(session, [*waiting, WorkItem.crashes == 0], owner, limit, lease_s, alone=False)
    return items or _lease(session, [*waiting, WorkItem.crashes > 0], owner, 1, lease_s, alone=True)


def claimable(session: Session, queue: str, *, at_most: int | None = None) -> int:
    """Count the items of a queue that could be claimed now, up to `at_most`; 0 while an outage is waited for."""
    if throttled_until(session) is not None:
        return 0
    count = 0
    for state in ("leased", "pending"):
        some = select(WorkItem.id).where(*_claimable(session, queue, state, None)).limit(at_most).subquery()
        count += session.execute(select(func.count()).select_from(some)).scalar_one()
    return count if at_most is None else min(count, at_most)


def _claimable(session: Session, queue: str, state: str, run_id: int | None) -> list[ColumnElement[bool]]:
    held_back = select(Run.id).where(Run.state.in_(("paused", "cancelled")))
    is_due = WorkItem.eligible_at <= sql_now(session)
    conditions = [WorkItem.state == state, WorkItem.queue == queue, is_due, WorkItem.run_id.not_in(held_back)]
    return conditions if run_id is None else [*conditions, WorkItem.run_id == run_id]


def _lease(
    session: Session, conditions: Iterable[ColumnElement[bool]], owner: str, limit: int, lease_s: float, *, alone: bool
) -> list[ClaimedItem]:
    # A CTE, because a plain IN (SELECT ... LIMIT ... SKIP LOCKED) may be run again and exceed its limit.
    first = select(WorkItem.id).where(*conditions).order_by(*_IN_TURN).limit(limit).with_for_update(skip_locked=True)
    claimed = (
        update(WorkItem)
        .where(WorkItem.id.in_(select(first.cte("pick").c.id)))
        .values(
            state="leased",
            fence=WorkItem.fence + 1,
            eligible_at=sql_now(session, lease_s),
            lease_owner=owner,
            crashes=WorkItem.crashes + case((WorkItem.claimed_alone & (WorkItem.state == "leased"), 1), else_=0),
            claimed_alone=alone,
        )
        .returning(WorkItem.id, WorkItem.fence)
        .execution_options(synchronize_session=False)
    )
    fences = dict(session.execute(claimed).all())
    return _with_objects(session, fences, alone) if fences else []


def _with_objects(session: Session, fences: dict[int, int], alone: bool) -> list[ClaimedItem]:
    item, image = WorkItem, SourceObject
    statement = (
        select(item.id, item.object_id, image.bucket, image.key, item.version_token, item.run_id, item.failures)
        .join(image, image.id == item.object_id)
        .where(item.id.in_(sorted(fences)))
        .order_by(item.id)
    )
    return [ClaimedItem(row[0], fences[row[0]], *row[1:], alone=alone) for row in session.execute(statement)]


def _quarantine_killers(session: Session, lost: Iterable[ColumnElement[bool]]) -> None:
    """End items that were claimed alone and lost once too often; only a person can have them tried again."""
    ended = {"state": "quarantined", "reason": "crashed_worker", "crashes": WorkItem.crashes + 1, "lease_owner": None}
    session.execute(
        update(WorkItem)
        .where(*lost, WorkItem.claimed_alone, WorkItem.crashes >= MAX_CRASHES - 1)
        .values(ended | {"detail": "the worker died while it worked on this image alone"})
        .execution_options(synchronize_session=False)
    )
