"""The throttle: while it is on nothing is claimed, so that everybody waits for an outage of the store together."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.schema import Throttle
from db.session import now, sql_now, upsert

_STORE = "store"


def throttled_until(session: Session) -> datetime | None:
    """Return until when an outage is waited for, if one is."""
    waiting = select(Throttle.until).where(Throttle.name == _STORE, Throttle.until > sql_now(session))
    return session.execute(waiting).scalar_one_or_none()


def throttle_all(session: Session, reason: str) -> float:
    """Keep everybody from claiming for a while, longer each time in a row, 5 minutes at most; returns the seconds.

    While an outage is waited for, further reports add nothing: ten workers at once are one strike.
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
    """Note that the store answers again: the next outage starts with a short wait."""
    session.execute(update(Throttle).where(Throttle.name == _STORE, Throttle.strikes > 0).values(strikes=0))
