"""Outages of the store are waited for once, by everybody: while the throttle is on, nothing is claimed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.schema import Throttle
from db.session import now, sql_now, upsert

_STORE = "store"


def throttled_until(session: Session) -> datetime | None:
    """The end of an outage's waiting time, if one is on."""
    waiting = select(Throttle.until).where(Throttle.name == _STORE, Throttle.until > sql_now(session))
    return session.execute(waiting).scalar_one_or_none()


def throttle_all(session: Session, reason: str) -> float:
    """An outage: nobody claims for a while, longer each time in a row, 5 minutes at most. Returns the seconds.

    Workers that meet an outage already waited for add nothing to it: ten at once are one strike.
    """
    before = session.execute(select(Throttle).where(Throttle.name == _STORE)).scalar_one_or_none()
    left_s = (before.until - now(session)).total_seconds() if before else 0.0
    if left_s > 0:
        return left_s
    strikes = before.strikes + 1 if before else 1
    pause_s = min(5.0 * 2.0 ** min(strikes - 1, 10), 300.0)
    row = {"until": sql_now(session, pause_s), "strikes": strikes, "reason": reason}
    statement = upsert(session, Throttle).values(name=_STORE, **row)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))
    return pause_s


def outage_over(session: Session) -> None:
    """The store answers again: the next outage starts with a short wait."""
    session.execute(update(Throttle).where(Throttle.name == _STORE, Throttle.strikes > 0).values(strikes=0))
