"""The schedule of nights: who has paused it, and what was told about each night."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from db.schema import NightNotice, Run, SchedulePause
from db.session import sql_now, upsert

NIGHTLY = "nightly"
"""The kind of the runs of nights."""


def night_key(night: date) -> str:
    """Return the logical key of a night's run."""
    return f"{NIGHTLY}:{night}"


def pause(session: Session, *, actor: str, why: str, until: datetime | None = None) -> None:
    """Let no night begin by itself until then, or until somebody resumes. It replaces an earlier pause."""
    resume(session, actor=actor)
    session.add(SchedulePause(since=sql_now(session), until=until, actor=actor, why=why))


def resume(session: Session, *, actor: str) -> Sequence[SchedulePause]:
    """Let nights begin again; returns the pauses that this ends."""
    standing = select(SchedulePause).where(_stands(session)).order_by(SchedulePause.id).with_for_update()
    pauses = session.execute(standing).scalars().all()
    for row in pauses:
        row.resumed_at, row.resumed_by = sql_now(session), actor
    return pauses


def standing_pause(session: Session) -> SchedulePause | None:
    """Return the pause that keeps nights from beginning now."""
    newest = select(SchedulePause).where(_stands(session)).order_by(SchedulePause.id.desc()).limit(1)
    return session.execute(newest).scalar_one_or_none()


def was_paused(session: Session, at: datetime) -> bool:
    """Tell whether the schedule was paused at a moment."""
    row = SchedulePause
    then = and_(row.since <= at, or_(row.until.is_(None), row.until > at))
    ended = and_(row.resumed_at.is_not(None), row.resumed_at <= at)
    return session.execute(select(row.id).where(then, ~ended).limit(1)).first() is not None


def _stands(session: Session) -> ColumnElement[bool]:
    is_open = or_(SchedulePause.until.is_(None), SchedulePause.until > sql_now(session))
    return and_(SchedulePause.resumed_at.is_(None), is_open)


def tell(session: Session, night: str, notice: str, detail: dict[str, Any]) -> bool:
    """Note that something is told about a night; False if it was told before."""
    row = {"night": night, "notice": notice, "at": sql_now(session), "detail": detail}
    statement = upsert(session, NightNotice).values(row).on_conflict_do_nothing().returning(NightNotice.notice)
    return session.execute(statement).first() is not None


def untold_nights(session: Session, kind: str, notice: str, *, within_s: float) -> Sequence[Run]:
    """List the nights that have finished in the last `within_s` seconds and of which this was not told."""
    finished = (Run.kind == kind) & (Run.state == "finished") & (Run.finished_at > sql_now(session, -within_s))
    is_told = exists().where(NightNotice.night == Run.logical_key, NightNotice.notice == notice)
    return session.execute(select(Run).where(finished, ~is_told).order_by(Run.id)).scalars().all()


def told(session: Session, night: str) -> dict[str, dict[str, Any]]:
    """Return what was told about a night, by the kind of notice."""
    rows = select(NightNotice).where(NightNotice.night == night)
    return {row.notice: row.detail for row in session.execute(rows).scalars()}
