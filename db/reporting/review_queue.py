"""The review's queue: how long its images have waited, and how fast people settle them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.schema import Decision, ImageTag
from db.session import now

WINDOW = timedelta(hours=24)
_LOOKED_AT = 5_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How many images people have settled in the last day, and how many that is an hour."""

    last_day: int
    per_hour: float


def pace(session: Session) -> Pace:
    """Return the present pace from the newest decisions; where these are very many, they alone are the measure."""
    current = now(session)
    newest = select(Decision.decided_at).where(Decision.undone_at.is_(None), Decision.outcome != "skip")
    times = session.execute(newest.order_by(Decision.id.desc()).limit(_LOOKED_AT)).scalars().all()
    recent = [at for at in times if at > current - WINDOW]
    if len(recent) < _LOOKED_AT:
        return Pace(len(recent), len(recent) / (WINDOW / timedelta(hours=1)))
    hours = max((current - min(recent)) / timedelta(hours=1), 1e-3)
    return Pace(round(len(recent) / hours * 24), len(recent) / hours)


def oldest(session: Session) -> datetime | None:
    """Return since when the image waits that has waited longest. Walks all that is flagged."""
    return session.execute(select(func.min(ImageTag.tagged_at)).where(ImageTag.needs_review)).scalar_one()
