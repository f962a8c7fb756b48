"""Claims: who may lease which item next. Runs are looked at first, then the items of those that have work now.

Nothing of a store that is held is claimed. A run of such a store is left out whole; of a run over several stores what
lies in the others is found by an index of its own, however much of the held ones stands before it.
"""

from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter
from types import MappingProxyType

from sqlalchemy import ColumnElement, ScalarSelect, case, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.queue.leases import LEASE_S, MAX_LOSSES, ClaimedItem
from db.queue.throttle import held_buckets
from db.queue.turns import HELD_RUNS, IN_TURN, due, first_in_turn, of_store, with_first, worked_on
from db.schema import Run, SourceObject, WorkItem
from db.session import sql_now

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
    held = held_buckets(session)
    lost = select(WorkItem.model_version_id).where(*_lost(session, queue, run_id, held)).order_by(*IN_TURN).limit(1)
    model_version_id = session.execute(lost).scalar_one_or_none()
    if model_version_id is not None:
        return model_version_id
    first = first_in_turn(session, queue, run_id, held, 1)
    return first[0].model_version_id if first else None


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
    held = held_buckets(session)
    lost = [*_lost(session, queue, run_id, held), WorkItem.model_version_id == model_version_id]
    if _losses(session, lost) is not None:
        _quarantine_hopeless(session, lost)
        losses = _losses(session, lost)
        if losses is not None:
            group = max(1, limit // SMALLER ** (losses + 1))
            return _lease(session, [*lost, WorkItem.losses == losses], owner, group, lease_s, alone=group == 1)
    items: list[ClaimedItem] = []
    waiting = _waiting(session, queue, run_id, model_version_id, held)
    left = dict(at_most)
    for of_id, of_run in waiting:
        room = min(limit - len(items), left.get(of_id, limit))
        new = _lease(session, [*of_run, WorkItem.crashes == 0], owner, room, lease_s, alone=False)
        left[of_id] = left.get(of_id, limit) - len(new)
        items += new
        if len(items) == limit:
            return items
    allowed = (of_run for of_id, of_run in waiting if at_most.get(of_id, 1) > 0)
    struck = (_lease(session, [*of_run, WorkItem.crashes > 0], owner, 1, lease_s, alone=True) for of_run in allowed)
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
    held = held_buckets(session)
    is_open = select(Run.id).where(Run.id == last.run_id, worked_on(held)).exists()
    behind = [*of_store(session, queue, last.run_id, last.bucket, held), WorkItem.id > last.id, is_open]
    conditions = [*behind, WorkItem.model_version_id == model_version_id, WorkItem.crashes == 0]
    return _lease(session, conditions, owner, min(limit, at_most.get(last.run_id, limit)), lease_s, alone=False)


def claimable(session: Session, queue: str, *, at_most: int | None = None) -> int:
    """Count the items of a queue that could be claimed now, up to `at_most`."""
    held = held_buckets(session)
    count = _count(session, _lost(session, queue, None, held), at_most)
    for first in first_in_turn(session, queue, None, held):
        left = None if at_most is None else at_most - count
        if left is not None and left <= 0:
            break
        count += _count(session, with_first(session, queue, first, held), left)
    return count


def _count(session: Session, conditions: Iterable[ColumnElement[bool]], at_most: int | None) -> int:
    # Sorted, so that PostgreSQL goes by the index: it may hope to find so few rows sooner in the table itself.
    some = select(WorkItem.id).where(*conditions).order_by(*IN_TURN).limit(at_most).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def _losses(session: Session, lost: Iterable[ColumnElement[bool]]) -> int | None:
    """Return how often the lease of the next lost item was lost before; None if there is no lost item."""
    return session.execute(select(WorkItem.losses).where(*lost).order_by(*IN_TURN).limit(1)).scalar_one_or_none()


def _lost(session: Session, queue: str, run_id: int | None, held: Collection[str]) -> list[ColumnElement[bool]]:
    """Match items whose lease has ended. Only what workers hold is leased, so they are few."""
    held_runs = select(Run.id).where(Run.state.in_(HELD_RUNS))
    conditions = [*due(session, queue, "leased", held), WorkItem.run_id.not_in(held_runs)]
    return conditions if run_id is None else [*conditions, WorkItem.run_id == run_id]


def _waiting(
    session: Session, queue: str, run_id: int | None, model_version_id: int, held: Collection[str]
) -> list[tuple[int, list[ColumnElement[bool]]]]:
    """Match what waits in the runs of a model whose turn it is, run by run: the items of the run's first priority."""
    of_model = WorkItem.model_version_id == model_version_id
    firsts = first_in_turn(session, queue, run_id, held, _RUNS_AT_ONCE, of_model)
    return [
        (first.run_id, [*with_first(session, queue, first, held), WorkItem.priority == first.priority])
        for first in firsts
    ]


def _lease(
    session: Session, conditions: Iterable[ColumnElement[bool]], owner: str, limit: int, lease_s: float, *, alone: bool
) -> list[ClaimedItem]:
    # A CTE, because a plain IN (SELECT ... LIMIT ... SKIP LOCKED) may be run again and exceed its limit.
    first = select(WorkItem.id).where(*conditions).order_by(*IN_TURN).limit(limit).with_for_update(skip_locked=True)
    claimed = (
        update(WorkItem)
        .where(WorkItem.id.in_(select(first.cte("pick").c.id)))
        .values(
            state="leased",
            fence=WorkItem.fence + 1,
            eligible_at=sql_now(session, lease_s),
            lease_owner=owner,
            losses=WorkItem.losses + case((WorkItem.state == "leased", 1), else_=0),
            claimed_alone=alone,
        )
        .returning(*_CLAIMED)
        .execution_options(synchronize_session=False)
    )
    return _in_order(session.execute(claimed), alone)


def _in_order(rows: Iterable[tuple[int, int, int, str, str, str, int, int]], alone: bool) -> list[ClaimedItem]:
    return sorted((ClaimedItem(*row, alone=alone) for row in rows), key=attrgetter("id"))


def _quarantine_hopeless(session: Session, lost: Iterable[ColumnElement[bool]]) -> None:
    """End items that no worker ever came to the end of; only a person can have them tried again."""
    ended = {"state": "quarantined", "reason": "crashed_worker", "losses": WorkItem.losses + 1, "lease_owner": None}
    session.execute(
        update(WorkItem)
        .where(*lost, WorkItem.claimed_alone, WorkItem.losses >= MAX_LOSSES - 1)
        .values(ended | {"detail": f"{MAX_LOSSES} times a worker lost its lease, at last while it worked on it alone"})
        .execution_options(synchronize_session=False)
    )
