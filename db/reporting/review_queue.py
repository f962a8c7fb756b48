"""The review's queue: how long its images have waited, and how fast people settle them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.schema import Decision, ImageTag
from db.session import now, sql_now

WINDOW = timedelta(hours=24)
_LOOKED_AT = 5_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How many images people have settled in the last day, and how many that is an hour."""

    last_day: int
    per_hour: float


def pace(session: Session) -> Pace:
    """Return the present pace from the newest decisions; where these are very many, they alone are the measure."""
    made = select(Decision.decided_at).where(Decision.undone_at.is_(None), Decision.outcome != "skip")
    newest = made.order_by(Decision.id.desc()).limit(_LOOKED_AT).subquery()
    at = newest.c.decided_at
    counted = select(func.count(), func.min(at)).where(at > sql_now(session, -WINDOW.total_seconds()))
    recent, first = session.execute(counted).one()
    if recent < _LOOKED_AT or first is None:
        return Pace(recent, recent / (WINDOW / timedelta(hours=1)))
    hours = max((now(session) - first) / timedelta(hours=1), 1e-3)
    return Pace(round(recent / hours * 24), recent / hours)


def oldest(session: Session) -> datetime | None:
    """Return since when the image waits that has waited longest. Walks all that is flagged."""
    return session.execute(select(func.min(ImageTag.tagged_at)).where(ImageTag.needs_review)).scalar_one()
