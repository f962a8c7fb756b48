"""Living processes: workers by their heartbeat, the one acting scheduler by its lease."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from db.schema import LeaderLease, WorkerHeartbeat
from db.session import sql_now, upsert

SCHEDULER = "scheduler"
"""The lease of the one acting scheduler."""
ALIVE_S = 45.0
LEADER_S = 30.0
FORGOTTEN_S = 3600.0
"""How long the row of a worker that was killed stays; one that ends in order takes its row with it."""


def beat(session: Session, name: str, *, slots: int, started_at: datetime) -> None:
    """Note that this worker is alive and answers `slots` doorbells at once, and forget the long dead."""
    session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.seen_at < sql_now(session, -FORGOTTEN_S)))
    row = {"slots": slots, "started_at": started_at, "seen_at": sql_now(session)}
    statement = upsert(session, WorkerHeartbeat).values(name=name, **row)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))


def forget(session: Session, name: str) -> None:
    """Note that this worker stops."""
    session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.name == name))


def alive(session: Session) -> Sequence[WorkerHeartbeat]:
    living = select(WorkerHeartbeat).where(WorkerHeartbeat.seen_at > sql_now(session, -ALIVE_S))
    return session.execute(living.order_by(WorkerHeartbeat.name)).scalars().all()


def slots(session: Session) -> int:
    """Count the doorbells that the living workers answer at once."""
    return sum(worker.slots for worker in alive(session))


def lead(session: Session, name: str, holder: str) -> bool:
    """Take or keep the lease `name`; True while `holder` may act. A holder that lost it learns so by its next call."""
    first = {"name": name, "holder": "", "fence": 0, "expires_at": sql_now(session)}
    session.execute(upsert(session, LeaderLease).values(first).on_conflict_do_nothing())
    taken = (
        update(LeaderLease)
        .where(LeaderLease.name == name)
        .where(or_(LeaderLease.holder == holder, LeaderLease.expires_at <= sql_now(session)))
        .values(holder=holder, fence=LeaderLease.fence + 1, expires_at=sql_now(session, LEADER_S))
        .returning(LeaderLease.fence)
        .execution_options(synchronize_session=False)
    )
    return session.execute(taken).first() is not None


def resign(session: Session, name: str, holder: str) -> None:
    """Give the lease back, so that another process need not wait until it ends."""
    mine = (LeaderLease.name == name) & (LeaderLease.holder == holder)
    session.execute(update(LeaderLease).where(mine).values(expires_at=sql_now(session)))


def leader(session: Session, name: str) -> LeaderLease | None:
    """Return the lease, unless it has run out."""
    current = select(LeaderLease).where(LeaderLease.name == name, LeaderLease.expires_at > sql_now(session))
    return session.execute(current).scalar_one_or_none()
