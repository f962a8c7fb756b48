"""Processes: which scheduler leads, which workers live, and which stores are held."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from db.schema.columns import Base


class LeaderLease(Base):
    """The one scheduler that may act, and until when. Not a mutex: everything done under it is idempotent."""

    __tablename__ = "leader_lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    fence: Mapped[int]
    expires_at: Mapped[datetime]


class WorkerHeartbeat(Base):
    """A process that was alive at `seen_at`: a worker, and how many doorbells it answers at once; or a scheduler."""

    __tablename__ = "worker_heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(server_default="worker")
    slots: Mapped[int]
    queues: Mapped[str] = mapped_column(server_default="ops,nightly")  # those that a worker serves, between commas
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class Throttle(Base):
    """A wait for the end of a store's outage: nobody claims its images before `until`. The name is the bucket's."""

    __tablename__ = "throttle"

    name: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
    strikes: Mapped[int]
    reason: Mapped[str]
    answered_at: Mapped[datetime | None]  # when the last outage ended
