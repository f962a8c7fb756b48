"""Nights: when their schedule is paused, what has been told of each, and what the gate found at each."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.columns import Base
from db.schema.vocabulary import GATE_ACTIONS, NIGHT_NOTICES


class SchedulePause(Base):
    """A time in which no night begins by itself: since when, until when, by whom and why."""

    __tablename__ = "schedule_pause"

    id: Mapped[int] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    until: Mapped[datetime | None]  # None: until somebody resumes
    actor: Mapped[str]  # see db.actors
    why: Mapped[str]
    resumed_at: Mapped[datetime | None]
    resumed_by: Mapped[str | None]


class NightNotice(Base):
    """Something that was told about a night. The key sees to it that it is told once, whoever notices."""

    __tablename__ = "night_notice"
    __table_args__ = (CheckConstraint(f"notice IN {NIGHT_NOTICES}", name="notice"),)

    night: Mapped[str] = mapped_column(primary_key=True)  # the logical key of its run, which may never have come
    notice: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]


class GateFinding(Base):
    """What the gate found unusual at a night, once for each, and who let it through."""

    __tablename__ = "gate_finding"
    __table_args__ = (CheckConstraint(f"action IN {GATE_ACTIONS}", name="action"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True, autoincrement=False)
    action: Mapped[str]  # "learning": too few good nights were known to do more than say so
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]
    accepted_by: Mapped[str | None]  # see db.actors
    accepted_at: Mapped[datetime | None]
    accepted_why: Mapped[str | None]
