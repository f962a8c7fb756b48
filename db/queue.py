"""The work queue in SQL: items are claimed with a lease and a fence, renewed, and ended under that fence.

    pending --claim--> leased(fence+1) --> done | skipped | pending (back-off) | quarantined
    leased, lease over --claim--> leased (alone)

`eligible_at` is both the back-off and the end of the lease, so a claim finds lost work by itself and needs no reaper.
"""

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, case, func, select, tuple_, update
from sqlalchemy.orm import Session

from db.schema import Run, SourceObject, WorkItem
from db.session import sql_now
from db.throttle import throttled_until

LEASE_S = 180.0
MAX_FAILURES = 5
MAX_CRASHES = 3
BACKOFF_S = 10.0
MAX_BACKOFF_S = 3600.0
QUEUES = ("ops", "nightly")
_IN_TURN = (WorkItem.priority, WorkItem.eligible_at, WorkItem.id)


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """A leased item: the right to record one result for one object version, until the lease ends."""

    id: int
    fence: int
    object_id: int
    bucket: str
    key: str
    version_token: str
    run_id: int
    failures: int
    alone: bool


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


def held(items: Collection[ClaimedItem]) -> ColumnElement[bool]:
    """Match items still leased under this very claim: the fence, which every write of a result checks."""
    claims = [(item.id, item.fence) for item in items]
    return tuple_(WorkItem.id, WorkItem.fence).in_(claims) & (WorkItem.state == "leased")


def lock_held(session: Session, items: Collection[ClaimedItem]) -> set[int]:
    """Lock the items still ours, in id order; returns their ids. The others were taken over or cancelled."""
    if not items:
        return set()
    ours = select(WorkItem.id).where(held(items)).order_by(WorkItem.id).with_for_update()
    return set(session.execute(ours).scalars())


def renew(session: Session, items: Collection[ClaimedItem], lease_s: float = LEASE_S) -> set[int]:
    """Extend the leases; returns the ids of the items still ours. The caller drops the others."""
    ours = lock_held(session, items)
    if ours:
        _set(session, ours, eligible_at=sql_now(session, lease_s))
    return ours


def finish(session: Session, item_ids: Collection[int]) -> None:
    """Set leased -> done, in the transaction that records the classifications, for ids from `lock_held`."""
    if item_ids:
        _set(session, item_ids, state="done", lease_owner=None, reason=None, detail=None)


def skip(session: Session, item: ClaimedItem, reason: str, detail: str) -> bool:
    """Set leased -> skipped(reason), final for this object version. False when the item is no longer ours."""
    return _end(session, item, state="skipped", reason=reason, detail=detail)


def retry(session: Session, item: ClaimedItem, reason: str, detail: str) -> bool:
    """Set leased -> pending with back-off, or quarantined after MAX_FAILURES. False when it is no longer ours."""
    failures = item.failures + 1
    ended: dict[str, Any] = {"state": "quarantined"}
    if failures < MAX_FAILURES:
        ended = {"state": "pending", "eligible_at": sql_now(session, backoff_s(failures))}
    return _end(session, item, failures=failures, reason=reason, detail=detail, claimed_alone=False, **ended)


def strike(session: Session, item: ClaimedItem, reason: str, detail: str) -> bool:
    """leased -> pending with back-off, to be claimed alone, or quarantined after MAX_CRASHES. False when not ours."""
    state = case((WorkItem.crashes >= MAX_CRASHES - 1, "quarantined"), else_="pending")
    values: dict[str, Any] = {"crashes": WorkItem.crashes + 1, "eligible_at": sql_now(session, backoff_s(1))}
    return _end(session, item, state=state, reason=reason, detail=detail, claimed_alone=False, **values)


def release(session: Session, items: Collection[ClaimedItem]) -> int:
    """Set leased -> pending, with nothing counted against the items; returns how many were still ours."""
    ours = lock_held(session, items)
    if ours:
        _set(session, ours, state="pending", lease_owner=None, claimed_alone=False, eligible_at=sql_now(session))
    return len(ours)


def backoff_s(failures: int) -> float:
    """Return the wait after the n-th failure: doubling, capped, with jitter so that retries spread out."""
    return min(BACKOFF_S * 2.0 ** (failures - 1), MAX_BACKOFF_S) * random.uniform(0.8, 1.2)  # noqa: S311 -- jitter


def claimable(session: Session, queue: str, *, at_most: int | None = None) -> int:
    """Count the items of a queue that could be claimed now, up to `at_most`; 0 while an outage is waited for."""
    if throttled_until(session) is not None:
        return 0
    count = 0
    for state in ("leased", "pending"):
        some = select(WorkItem.id).where(*_claimable(session, queue, state, None)).limit(at_most).subquery()
        count += session.execute(select(func.count()).select_from(some)).scalar_one()
    return count if at_most is None else min(count, at_most)


def _end(session: Session, item: ClaimedItem, **values: Any) -> bool:
    ended = update(WorkItem).where(held([item])).values(lease_owner=None, **values).returning(WorkItem.id)
    return session.execute(ended.execution_options(synchronize_session=False)).first() is not None


def _set(session: Session, item_ids: Collection[int], **values: Any) -> None:
    statement = update(WorkItem).where(WorkItem.id.in_(sorted(item_ids))).values(values)
    session.execute(statement.execution_options(synchronize_session=False))
