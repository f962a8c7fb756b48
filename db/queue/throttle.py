"""The throttle, a row a store: one that does not answer is held for a while, and nothing of it is claimed meanwhile.

Who meets a store that stays away once too often gives up on it: what waits for it is quarantined, so that runs end.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Dialect, ScalarSelect, Select, delete, func, select, true, update
from sqlalchemy.orm import Session

from db.schema import Run, SourceObject, Throttle, WorkItem
from db.schema.work import SEVERAL
from db.session import dialect_of, now, sql_now, upsert

ANEW_AFTER_S = 3600.0
"""A strike so long after the last hold belongs to another outage."""
ASKING_S = 60.0
"""Asking takes no longer."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The seconds for which a store is held, how often in a row it did not answer, and if it has within an hour."""

    pause_s: float
    strikes: int
    answered_lately: bool = False


def held(session: Session) -> Sequence[Throttle]:
    """List the stores that are held now, by name."""
    waiting = select(Throttle).where(Throttle.until > sql_now(session))
    return session.execute(waiting.order_by(Throttle.name)).scalars().all()


def held_buckets(session: Session) -> tuple[str, ...]:
    """Return the names of the stores that are held now, sorted."""
    return tuple(session.execute(_names_of_held(dialect_of(session))).scalars())


@lru_cache(16)
def _names_of_held(dialect: Dialect) -> Select[str]:
    return select(Throttle.name).where(Throttle.until > sql_now(dialect)).order_by(Throttle.name)


def held_until(session: Session, run_id: int) -> datetime | None:
    """Return until when the store of a run is held, if it is."""
    of_run = select(Throttle.until).join(Run, Run.bucket == Throttle.name)
    return session.execute(of_run.where(Run.id == run_id, Throttle.until > sql_now(session))).scalar_one_or_none()


def due(session: Session, run_id: int | None = None) -> Sequence[str]:
    """Return the stores whose pause is over, and that nobody has heard of since; of a run its own at most."""
    pause_over = Throttle.strikes > 0, Throttle.until.between(sql_now(session, -ANEW_AFTER_S), sql_now(session))
    of_run = Throttle.name == select(Run.bucket).where(Run.id == run_id).scalar_subquery()
    return (
        session.execute(select(Throttle.name).where(*pause_over, true() if run_id is None else of_run)).scalars().all()
    )


def take(session: Session, bucket: str) -> bool:
    """Hold a store whose pause is over while it is asked; False if somebody else does."""
    pause_over = Throttle.name == bucket, Throttle.strikes > 0, Throttle.until <= sql_now(session)
    taken = update(Throttle).where(*pause_over).values(until=sql_now(session, ASKING_S)).returning(Throttle.name)
    return session.execute(taken).first() is not None


def hold(session: Session, bucket: str, reason: str, *, taken: bool = False) -> Hold:
    """Keep everybody from claiming images of a store for a while, longer each time in a row, 5 minutes at most.

    While it is held, further reports add nothing: ten workers at once are one strike. But who has `taken` it reports.
    """
    before = session.execute(select(Throttle).where(Throttle.name == bucket)).scalar_one_or_none()
    left_s = (before.until - now(session)).total_seconds() if before else -ANEW_AFTER_S
    if before and left_s > 0 and not taken:
        return Hold(left_s, before.strikes)
    answered_at = before.answered_at if before else None
    lately = answered_at is not None and (now(session) - answered_at).total_seconds() < ANEW_AFTER_S
    strikes = before.strikes + 1 if before and left_s > -ANEW_AFTER_S else 1
    pause_s = min(5.0 * 2.0 ** min(strikes - 1, 10), 300.0)
    row = {"until": sql_now(session, pause_s), "strikes": strikes, "reason": reason}
    statement = upsert(session, Throttle).values(name=bucket, **row)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))
    return Hold(pause_s, strikes, lately)


def answered(session: Session, buckets: Collection[str]) -> None:
    """Note that these stores answer again: they are held no longer, and their next outage starts with a short wait."""
    struck = Throttle.name.in_(sorted(buckets)), Throttle.strikes > 0
    at = sql_now(session)
    session.execute(update(Throttle).where(*struck).values(strikes=0, until=at, answered_at=at))


def give_up(session: Session, bucket: str, detail: str, *, at_most: int = 1000) -> int:
    """Quarantine some items that wait for a store; returns how many. After the last the outage is forgotten."""
    going_on = Run.state.in_(("planned", "scanning", "running", "failed"))
    runs = select(Run.id).where(going_on, Run.bucket.in_((bucket, SEVERAL)) | Run.bucket.is_(None))
    lies_there = func.coalesce(WorkItem.bucket, bucket_of(WorkItem)) == bucket
    waiting = WorkItem.state == "pending", WorkItem.run_id.in_(runs), lies_there
    # What others have locked is left to them, so that nobody waits and no order of locks is needed.
    some = select(WorkItem.id).where(*waiting).limit(at_most).with_for_update(skip_locked=True)
    ids = list(session.execute(some).scalars())
    ended = {"state": "quarantined", "reason": "store_unavailable", "detail": detail, "lease_owner": None}
    if ids:
        session.execute(update(WorkItem).where(WorkItem.id.in_(ids)).values(ended))
    else:
        session.execute(delete(Throttle).where(Throttle.name == bucket))
    return len(ids)


def bucket_of(item: type[WorkItem]) -> ScalarSelect[str]:
    """Look up an item's store row by row: as a join, PostgreSQL may read all of source_object for it."""
    return select(SourceObject.bucket).where(SourceObject.id == item.object_id).correlate(item).scalar_subquery()
