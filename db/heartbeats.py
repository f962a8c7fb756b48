"""Living processes by their heartbeats, and the one acting scheduler by its lease."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from db.schema import LeaderLease, WorkerHeartbeat
from db.session import sql_now, upsert

WORKER = "worker"
SCHEDULER = "scheduler"
"""The role of each scheduler, and the lease of the one that acts."""
ROLES = (WORKER, SCHEDULER)
ALIVE_S = 45.0
LEADER_S = 30.0
FORGOTTEN_S = 3600.0
"""How long the row of a process that was killed stays; one that ends in order takes its row with it."""


def beat(
    session: Session, name: str, *, slots: int, started_at: datetime, role: str = WORKER, queues: Sequence[str] = ()
) -> None:
    """Note that this process, host:pid, is alive and answers `slots` doorbells at once, and forget the long dead."""
    session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.seen_at < sql_now(session, -FORGOTTEN_S)))
    row = {"role": role, "slots": slots, "queues": ",".join(queues), "started_at": started_at}
    row["seen_at"] = sql_now(session)
    statement = upsert(session, WorkerHeartbeat).values(name=name, **row)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))


def forget(session: Session, name: str) -> None:
    """Note that this process stops."""
    session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.name == name))


def alive(session: Session) -> Sequence[WorkerHeartbeat]:
    """List the living workers."""
    living = (WorkerHeartbeat.role == WORKER) & (WorkerHeartbeat.seen_at > sql_now(session, -ALIVE_S))
    return session.execute(select(WorkerHeartbeat).where(living).order_by(WorkerHeartbeat.name)).scalars().all()


def alive_on(session: Session, host: str, role: str | None = None) -> WorkerHeartbeat | None:
    """Return the newest heartbeat of the living processes of this host, of this role if one is given."""
    of_host = WorkerHeartbeat.name.startswith(f"{host}:", autoescape=True)
    living = select(WorkerHeartbeat).where(of_host, WorkerHeartbeat.seen_at > sql_now(session, -ALIVE_S))
    newest = living.order_by(WorkerHeartbeat.seen_at.desc()).limit(1)
    return session.execute(newest.where(WorkerHeartbeat.role == role) if role else newest).scalar_one_or_none()


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
