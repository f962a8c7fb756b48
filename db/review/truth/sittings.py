"""Sessions of reviewing: a stretch of decisions without a long pause, how careful it was, and its figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, func, insert, or_, select, update
from sqlalchemy.orm import Session

from db import CatalogueError
from db.schema import Decision, ReviewSession, User
from db.session import sql_now

PAUSE_S = 1800.0
"""Whoever decides nothing for longer begins a new session."""
FLOOR_MS = 40
"""Nobody looks at a cell of a grid in less time."""
TOO_OFTEN = 2
"""Hurried grids, or missed probes, from which on a session is called careless."""


class NoSuchSession(CatalogueError):
    """No session of reviewing has that id, or it is somebody else's."""


@dataclass(frozen=True, slots=True)
class Care:
    """How careful a session was so far."""

    id: int
    hurried: int
    probes: int
    found: int

    @property
    def is_careless(self) -> bool:
        missed = self.probes - self.found
        return self.hurried >= TOO_OFTEN or (missed >= TOO_OFTEN and 2 * missed >= self.probes)


def go_on(session: Session, user_id: int, *, hurried: int = 0, probes: int = 0, found: int = 0) -> Care:
    """Go on with somebody's session, or begin one, and add to its counts."""
    table, more = ReviewSession, {"hurried": hurried, "probes": probes, "found": found}
    mine = table.user_id == user_id, table.last_at > sql_now(session, -PAUSE_S)
    last = select(table.id).where(*mine).order_by(table.last_at.desc()).limit(1).scalar_subquery()
    counts = {name: getattr(table, name) + count for name, count in more.items()}
    longer = update(table).where(table.id == last).values(last_at=sql_now(session), **counts)
    told = table.id, table.hurried, table.probes, table.found
    row = session.execute(longer.returning(*told).execution_options(synchronize_session=False)).one_or_none()
    if row is None:
        begun = {"user_id": user_id, "started_at": sql_now(session), "last_at": sql_now(session)}
        row = session.execute(insert(table).values(begun | more).returning(*told)).one()
    return Care(*row)


def find(session: Session, session_id: int, user_id: int | None = None) -> ReviewSession:
    """Return a session, with `user_id` only that user's. Raises NoSuchSession."""
    found = session.get(ReviewSession, session_id)
    if found is None or (user_id is not None and found.user_id != user_id):
        raise NoSuchSession(f"there is no session {session_id} of reviewing that you may see")
    return found


def last_of(session: Session, user_id: int) -> ReviewSession | None:
    """Return somebody's newest session of reviewing."""
    mine = select(ReviewSession).where(ReviewSession.user_id == user_id)
    return session.execute(mine.order_by(ReviewSession.last_at.desc()).limit(1)).scalar_one_or_none()


def recent(
    session: Session, since: datetime, *, user_id: int | None, limit: int = 50
) -> Sequence[Row[ReviewSession, str]]:
    """List the sessions since a time, the newest first, each with the name of its user; with `user_id` only his."""
    statement = select(ReviewSession, User.name).join(User, User.id == ReviewSession.user_id)
    statement = statement if user_id is None else statement.where(User.id == user_id)
    return session.execute(
        statement.where(ReviewSession.last_at > since).order_by(ReviewSession.last_at.desc()).limit(limit)
    ).all()


def figures(session: Session, of: ReviewSession) -> dict[str, Any]:
    """Count what was decided in a session and not undone, what was corrected, and which probes were found."""
    made = Decision
    counted = and_(made.undone_at.is_(None), made.outcome != "skip")
    other = or_(made.outcome != "category", made.category != made.suggested)
    corrected = and_(counted, made.suggested.is_not(None), other)
    statement = select(
        func.coalesce(func.sum(case((counted, 1), else_=0)), 0),
        func.coalesce(func.sum(case((corrected, 1), else_=0)), 0),
        func.coalesce(func.sum(case((made.undone_at.is_not(None), 1), else_=0)), 0),
    ).where(made.session_id == of.id)
    decisions, corrections, undone = map(int, session.execute(statement).one())
    seconds = (of.last_at - of.started_at).total_seconds()
    return {
        "id": of.id,
        "started_at": of.started_at.isoformat(),
        "last_at": of.last_at.isoformat(),
        "decisions": decisions,
        "per_minute": round(60 * decisions / seconds, 1) if seconds >= 1 else None,
        "corrections": corrections,
        "undone": undone,
        "hurried": of.hurried,
        "probes": of.probes,
        "probes_found": of.found,
        "careless": Care(of.id, of.hurried, of.probes, of.found).is_careless,
    }
