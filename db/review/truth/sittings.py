"""Sessions of reviewing: a stretch of decisions without a long pause, how careful it was, and its figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Dialect, Row, Select, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from db import CatalogueError
from db.schema import Decision, ReviewSession, User
from db.schema.columns import table_of
from db.session import dialect_of, sql_now

PAUSE_S = 1800.0
"""Whoever decides nothing for longer begins a new session."""
FLOOR_MS = 40
"""Nobody looks at a cell of a grid in less time."""
TABLE = table_of(ReviewSession)
_TOLD = TABLE.c.id, TABLE.c.last_at, TABLE.c.hurried, TABLE.c.probes, TABLE.c.found
TOO_OFTEN = 2
"""Hurried grids, or missed probes, from which on a session is called careless."""


class NoSuchSession(CatalogueError):
    """No session of reviewing has that id, or it is somebody else's."""


@dataclass(frozen=True, slots=True)
class Care:
    """How careful a session was so far, at a time that is now."""

    id: int
    at: datetime
    hurried: int
    probes: int
    found: int

    @property
    def is_careless(self) -> bool:
        missed = self.probes - self.found
        return self.hurried >= TOO_OFTEN or (missed >= TOO_OFTEN and 2 * missed >= self.probes)


def go_on(session: Session, user_id: int, *, hurried: int = 0, probes: int = 0, found: int = 0) -> Care:
    """Go on with somebody's session, or begin one, and add to its counts."""
    more = {"more_hurried": hurried, "more_probes": probes, "more_found": found}
    dialect = dialect_of(session)
    row = session.execute(_going_on(dialect), more | {"of": user_id}).one_or_none()
    if row is None:
        begun = {"user_id": user_id, "hurried": hurried, "probes": probes, "found": found}
        row = session.execute(_beginning(dialect), begun).one()
    return Care(*row)


@lru_cache(16)
def _going_on(dialect: Dialect) -> ReturningUpdate[*tuple[Any, ...]]:
    mine = TABLE.c.user_id == bindparam("of"), TABLE.c.last_at > sql_now(dialect, -PAUSE_S)
    last = select(TABLE.c.id).where(*mine).order_by(TABLE.c.last_at.desc()).limit(1).scalar_subquery()
    counts = {name: TABLE.c[name] + bindparam(f"more_{name}") for name in ("hurried", "probes", "found")}
    return update(TABLE).where(TABLE.c.id == last).values(last_at=sql_now(dialect), **counts).returning(*_TOLD)


@lru_cache(16)
def _beginning(dialect: Dialect) -> ReturningInsert[*tuple[Any, ...]]:
    return insert(TABLE).values(started_at=sql_now(dialect), last_at=sql_now(dialect)).returning(*_TOLD)


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
    return figures_of(session, [of])[0]


def figures_of(session: Session, some: Sequence[ReviewSession]) -> list[dict[str, Any]]:
    """Return the figures of sessions, which are counted together."""
    counted = session.execute(_counts(), {"ids": [one.id for one in some]})
    counts = {id: (decisions, corrections, undone) for id, decisions, corrections, undone in counted}
    return [_figures(one, *counts.get(one.id, (0, 0, 0))) for one in some]


@cache
def _counts() -> Select[int, int, int, int]:
    """Count decisions, corrections and what was undone by session. The statement is built once."""
    made = Decision
    counted = and_(made.undone_at.is_(None), made.outcome != "skip")
    other = or_(made.outcome != "category", made.category != made.suggested)
    corrected = and_(counted, made.suggested.is_not(None), other)
    number = func.count()
    return (
        select(
            func.coalesce(made.session_id, 0),
            number.filter(counted),
            number.filter(corrected),
            number.filter(made.undone_at.is_not(None)),
        )
        .where(made.session_id.in_(bindparam("ids", expanding=True)))
        .group_by(made.session_id)
    )


def _figures(of: ReviewSession, decisions: int, corrections: int, undone: int) -> dict[str, Any]:
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
        "careless": Care(of.id, of.last_at, of.hurried, of.probes, of.found).is_careless,
    }
