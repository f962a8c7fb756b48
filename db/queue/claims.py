"""Claims: who may lease which item next. Runs are looked at first, then the items of those that have work now.

Nothing of a store that is held is claimed. A run of such a store is left out whole; of a run over several stores what
lies in the others is found by an index of its own, however much of the held ones stands before it.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Integer, ScalarSelect, Select, bindparam, case, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.queue.leases import LEASE_S, MAX_LOSSES, ClaimedItem
from db.queue.throttle import held_buckets
from db.queue.turns import IN_TURN, KEPT, First, Sought, first_in_turn, in_store_alone, look, lost, next_lost, worked_on
from db.schema import Run, SourceObject, WorkItem
from db.session import dialect_of, sql_now

QUEUES = ("ops", "nightly")
SMALLER = 16
"""How many times smaller each next claim is of items whose lease was lost."""
NO_LIMITS: Mapping[int, int] = MappingProxyType({})
_RUNS_AT_ONCE = 16


def _of_image(column: InstrumentedAttribute[str]) -> ScalarSelect[str]:
    return select(column).where(SourceObject.id == WorkItem.object_id).correlate(WorkItem).scalar_subquery()


_CLAIMED = (
    *(WorkItem.id, WorkItem.fence, WorkItem.object_id, _of_image(SourceObject.bucket), _of_image(SourceObject.key)),
    *(WorkItem.version_token, WorkItem.run_id, WorkItem.failures),
)
"""What a claim returns of each item: another statement for it would send all ids once more, and look each up again."""


def next_model(session: Session, queue: str, run_id: int | None = None) -> int | None:
    """Return the model of the next claimable item; None when nothing is claimable now."""
    found = look(session, Sought(dialect_of(session), queue, run_id=run_id), 1)
    first = next(filter(None, (found.lost, *found.waiting)), None)
    return first.model_version_id if first else None


def claim(
    session: Session,
    *,
    queue: str,
    model_version_id: int,
    owner: str,
    limit: int,
    lease_s: float = LEASE_S,
    run_id: int | None = None,
    at_most: Mapping[int, int] = NO_LIMITS,
) -> list[ClaimedItem]:
    """Lease up to `limit` items of one model; those whose lease was lost first, and in ever smaller groups.

    One with a strike comes alone, and after all that have none. Of the runs in `at_most` no more new items are leased.
    """
    asked = Sought(dialect_of(session), queue, run_id=run_id, model_version_id=model_version_id)
    sought, lost_one, waiting = look(session, asked, _RUNS_AT_ONCE)
    if lost_one:
        _quarantine_hopeless(session, sought)
        lost_one = session.execute(next_lost(sought)).first()
    if lost_one:
        group = max(1, limit // SMALLER ** (lost_one.losses + 1))
        return _lease(session, _lost_so_often(sought, lost_one.losses), owner, group, lease_s, alone=group == 1)
    items: list[ClaimedItem] = []
    left = dict(at_most)
    for first in waiting:
        room = min(limit - len(items), left.get(first.run_id, limit))
        new = _lease(session, _waiting_with(sought, first, struck=False), owner, room, lease_s, alone=False)
        left[first.run_id] = left.get(first.run_id, limit) - len(new)
        items += new
        if len(items) == limit:
            return items
    allowed = (_waiting_with(sought, first, struck=True) for first in waiting if at_most.get(first.run_id, 1) > 0)
    struck = (_lease(session, of_run, owner, 1, lease_s, alone=True) for of_run in allowed)
    return items or next(filter(None, struck), [])


def claim_after(
    session: Session,
    last: ClaimedItem,
    *,
    queue: str,
    model_version_id: int,
    owner: str,
    limit: int,
    lease_s: float = LEASE_S,
    at_most: Mapping[int, int] = NO_LIMITS,
) -> list[ClaimedItem]:
    """Lease up to `limit` items of a run behind one that was claimed before, and look at nothing in front of it.

    That is what costs while a snapshot is open (`pg_dump`): the entries of finished items stay in the index, each to
    be looked up. Nothing is leased of a run that is held.
    """
    sought = _sought(session, queue, last.run_id)._replace(model_version_id=model_version_id)
    behind = _waiting_behind(in_store_alone(session, sought, last.bucket))
    room = min(limit, at_most.get(last.run_id, limit))
    return _lease(session, behind, owner, room, lease_s, alone=False, behind=last.id)


def claimable(session: Session, queue: str, *, at_most: int | None = None) -> int:
    """Count the items of a queue that could be claimed now, up to `at_most`."""
    sought = _sought(session, queue)
    count = _count(session, lost(sought), at_most)
    for first in first_in_turn(session, sought):
        left = None if at_most is None else at_most - count
        if left is not None and left <= 0:
            break
        count += _count(session, _with(sought, first).items("pending"), left)
    return count


def _sought(session: Session, queue: str, run_id: int | None = None) -> Sought:
    return Sought(dialect_of(session), queue, held_buckets(session), run_id)


def _count(session: Session, conditions: Iterable[ColumnElement[bool]], at_most: int | None) -> int:
    # Sorted, so that PostgreSQL goes by the index: it may hope to find so few rows sooner in the table itself.
    some = select(WorkItem.id).where(*conditions).order_by(*IN_TURN).limit(at_most).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def _with(sought: Sought, first: First) -> Sought:
    """Seek what waits with the first item of a run, or of one store in a run over several."""
    return sought._replace(run_id=first.run_id, of_store=first.of_store, model_version_id=None)  # its run has but one


@lru_cache(KEPT)
def _lost_so_often(sought: Sought, losses: int) -> Select[int]:
    return select(WorkItem.id).where(*lost(sought), WorkItem.losses == losses)


def _waiting_with(sought: Sought, first: First, *, struck: bool) -> Select[int]:
    return _waiting(_with(sought, first), first.priority, struck)


@lru_cache(KEPT)
def _waiting(sought: Sought, priority: int, struck: bool) -> Select[int]:
    has_strikes = WorkItem.crashes > 0 if struck else WorkItem.crashes == 0
    return select(WorkItem.id).where(*sought.items("pending"), WorkItem.priority == priority, has_strikes)


@lru_cache(KEPT)
def _waiting_behind(sought: Sought) -> Select[int]:
    is_open = select(Run.id).where(Run.id == sought.run_id, worked_on(sought.held)).exists()
    behind = WorkItem.id > bindparam("behind", type_=WorkItem.id.type)
    return select(WorkItem.id).where(*sought.items("pending"), behind, is_open, WorkItem.crashes == 0)


def _lease(
    session: Session, waiting: Select[int], owner: str, limit: int, lease_s: float, *, alone: bool, **behind: int
) -> list[ClaimedItem]:
    """Lease the first of these items, of a statement that is kept."""
    leasing = _leasing(dialect_of(session), waiting, lease_s, alone)
    return _in_order(session.execute(leasing, {"holder": owner, "at_most": limit, **behind}), alone)


def _in_order(rows: Iterable[tuple[int, int, int, str, str, str, int, int]], alone: bool) -> list[ClaimedItem]:
    return sorted((ClaimedItem(*row, alone=alone) for row in rows), key=attrgetter("id"))


@lru_cache(KEPT)
def _leasing(dialect: Dialect, waiting: Select[int], lease_s: float, alone: bool) -> Any:
    # A CTE, because a plain IN (SELECT ... LIMIT ... SKIP LOCKED) may be run again and exceed its limit.
    limit = bindparam("at_most", type_=Integer())
    first = waiting.order_by(*IN_TURN).limit(limit).with_for_update(skip_locked=True)
    return (
        update(WorkItem)
        .where(WorkItem.id.in_(select(first.cte("pick").c.id)))
        .values(
            state="leased",
            fence=WorkItem.fence + 1,
            eligible_at=sql_now(dialect, lease_s),
            lease_owner=bindparam("holder"),
            losses=WorkItem.losses + case((WorkItem.state == "leased", 1), else_=0),
            claimed_alone=alone,
        )
        .returning(*_CLAIMED)
        .execution_options(synchronize_session=False)
    )


def _quarantine_hopeless(session: Session, sought: Sought) -> None:
    """End items that no worker ever came to the end of; only a person can have them tried again."""
    ended = {"state": "quarantined", "reason": "crashed_worker", "losses": WorkItem.losses + 1, "lease_owner": None}
    session.execute(
        update(WorkItem)
        .where(*lost(sought), WorkItem.claimed_alone, WorkItem.losses >= MAX_LOSSES - 1)
        .values(ended | {"detail": f"{MAX_LOSSES} times a worker lost its lease, at last while it worked on it alone"})
        .execution_options(synchronize_session=False)
    )
