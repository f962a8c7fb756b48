"""The leases of claimed items: renewed, and ended under the fence they were claimed with."""

import random
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Select, case, select, update
from sqlalchemy.orm import Session

from db.schema import WorkItem
from db.schema.lists import in_list, pair_in_list
from db.session import dialect_of, sql_now

LEASE_S = 180.0
MAX_FAILURES = 5
MAX_CRASHES = 3
MAX_LOSSES = 10
"""Whatever the cause: an image that takes its whole worker with it leaves nobody who could tell."""
BACKOFF_S = 10.0
MAX_BACKOFF_S = 3600.0
_DIED = "the worker process died while it worked on this image alone"


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


def held(dialect: Dialect) -> ColumnElement[bool]:
    """Match items still leased under the `claims` that are given: the fence, which every write of a result checks."""
    return pair_in_list(dialect, WorkItem.id, WorkItem.fence, "claims") & (WorkItem.state == "leased")


def lock_held(session: Session, items: Collection[ClaimedItem]) -> set[int]:
    """Lock the items still ours, in id order; returns their ids. The others were taken over or cancelled."""
    if not items:
        return set()
    return set(session.execute(_locking(dialect_of(session)), _of_claims(items)).scalars())


@lru_cache(16)
def _locking(dialect: Dialect) -> Select[int]:
    return select(WorkItem.id).where(held(dialect)).order_by(WorkItem.id).with_for_update()


def _of_claims(items: Collection[ClaimedItem]) -> dict[str, list[tuple[int, int]]]:
    return {"claims": [(item.id, item.fence) for item in items]}


def renew(session: Session, items: Collection[ClaimedItem], lease_s: float = LEASE_S) -> set[int]:
    """Extend the leases; returns the ids of the items still ours. The caller drops the others."""
    ours = lock_held(session, items)
    _set(session, ours, eligible_at=sql_now(session, lease_s))
    return ours


def finish(session: Session, item_ids: Collection[int]) -> None:
    """Set leased -> done, in the transaction that records the classifications, for ids from `lock_held`."""
    session.execute(_finishing(dialect_of(session)), {"item_ids": sorted(item_ids)})


def skip(session: Session, item: ClaimedItem, reason: str, detail: str, cap: int | None = None) -> str | None:
    """Set leased -> skipped(reason), final for this object version. Returns its state; None when it is not ours.

    `cap` is the limit that it was over, of bytes or pixels: a scan tries it again when that was raised.
    """
    return _end(session, item, state="skipped", reason=reason, detail=detail, cap=cap)


def retry(session: Session, item: ClaimedItem, reason: str, detail: str) -> str | None:
    """Set leased -> pending with back-off, or quarantined after MAX_FAILURES. Returns its state; None when not ours."""
    failures = item.failures + 1
    ended: dict[str, Any] = {"state": "quarantined"}
    if failures < MAX_FAILURES:
        ended = {"state": "pending", "eligible_at": sql_now(session, backoff_s(failures))}
    return _end(session, item, failures=failures, reason=reason, detail=detail, claimed_alone=False, **ended)


def strike(session: Session, item: ClaimedItem, reason: str, detail: str) -> str | None:
    """Set leased -> pending with back-off, to be claimed alone, or quarantined after MAX_CRASHES. Returns as retry."""
    return _end(session, item, reason=reason, detail=detail, claimed_alone=False, **_struck(session))


def end_of(session: Session, owner: str) -> int:
    """End the leases of a process that is known to be dead; returns how many it held.

    What it worked on alone has a strike. The others can be claimed at once, as if their leases had run out.
    """
    mine = (WorkItem.state == "leased") & (WorkItem.lease_owner == owner)
    locked = select(WorkItem.id, WorkItem.claimed_alone).where(mine).order_by(WorkItem.id).with_for_update()
    alone_by_id = dict(session.execute(locked).all())
    alone = [item_id for item_id, was_alone in alone_by_id.items() if was_alone]
    _set(session, alone_by_id, eligible_at=sql_now(session))
    died = {"reason": "crashed_worker", "detail": _DIED, "failed_under": _program()}
    _set(session, alone, lease_owner=None, claimed_alone=False, **died, **_struck(session))
    return len(alone_by_id)


def release(session: Session, items: Collection[ClaimedItem]) -> int:
    """Set leased -> pending, with nothing counted against the items; returns how many were still ours."""
    ours = lock_held(session, items)
    _set(session, ours, state="pending", lease_owner=None, claimed_alone=False, eligible_at=sql_now(session))
    return len(ours)


def backoff_s(failures: int) -> float:
    """Return the wait after the n-th failure: doubling, capped, with jitter so that retries spread out."""
    return min(BACKOFF_S * 2.0 ** (failures - 1), MAX_BACKOFF_S) * random.uniform(0.8, 1.2)  # noqa: S311 -- jitter


def _struck(session: Session) -> dict[str, Any]:
    state = case((WorkItem.crashes >= MAX_CRASHES - 1, "quarantined"), else_="pending")
    return {"state": state, "crashes": WorkItem.crashes + 1, "eligible_at": sql_now(session, backoff_s(1))}


def _end(session: Session, item: ClaimedItem, **values: Any) -> str | None:
    values |= {"lease_owner": None, "failed_under": _program()}
    ended = update(WorkItem).where(held(dialect_of(session))).values(values).returning(WorkItem.state)
    ended = ended.execution_options(synchronize_session=False)
    return session.execute(ended, _of_claims([item])).scalar_one_or_none()


@cache
def _program() -> str:
    """Return the version of this program."""
    return version("catalogue-tagger")


@lru_cache(16)
def _finishing(dialect: Dialect) -> Any:
    done = {"state": "done", "lease_owner": None, "reason": None, "detail": None}
    return _changing(dialect).values(done)


def _set(session: Session, item_ids: Collection[int], **values: Any) -> None:
    if item_ids:
        session.execute(_changing(dialect_of(session)).values(values), {"item_ids": sorted(item_ids)})


def _changing(dialect: Dialect) -> Any:
    some = update(WorkItem).where(in_list(dialect, WorkItem.id, "item_ids"))
    return some.execution_options(synchronize_session=False)
