"""Owners of categories: reviewers who are given their images first, as long as they review."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Dialect, Row, Select, delete, exists, select
from sqlalchemy.orm import Session

from db.review import users
from db.schema import CategoryOwner, ReviewSession, User
from db.session import dialect_of, sql_now, upsert


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is: the categories of a reviewer, and those that are kept for others."""

    own: tuple[str, ...]
    kept: frozenset[str]


def turn_of(session: Session, user_id: int, *, away_s: float) -> Turn:
    """Tell which categories a reviewer owns, and which are kept for owners who have reviewed in the last `away_s`."""
    rows = session.execute(_turns(dialect_of(session), away_s)).all()
    own = tuple(category for category, owner, _ in rows if owner == user_id)
    return Turn(own, frozenset(category for category, _, here in rows if here and category not in own))


@lru_cache(16)
def _turns(dialect: Dialect, away_s: float) -> Select[str, int, bool]:
    """Select who owns what, and is here. Each screen asks so: the statement is built once."""
    table, reviewed = CategoryOwner, ReviewSession
    is_here = exists().where(reviewed.user_id == table.user_id, reviewed.last_at > sql_now(dialect, -away_s))
    owned = select(table.category, table.user_id, is_here & User.disabled_at.is_(None)).join(User)
    return owned.order_by(table.category)


def owners(session: Session) -> Sequence[Row[str, str]]:
    """List the owners of categories, by user and category."""
    named = select(User.name, CategoryOwner.category).join(CategoryOwner, CategoryOwner.user_id == User.id)
    return session.execute(named.order_by(User.name, CategoryOwner.category)).all()


def give(session: Session, name: str, categories: Sequence[str]) -> None:
    """Make a user an owner of categories. Raises NoSuchUser."""
    user = users.find(session, name)
    rows = [{"category": category, "user_id": user.id} for category in categories]
    session.execute(upsert(session, CategoryOwner).on_conflict_do_nothing(), rows)


def take(session: Session, name: str, categories: Sequence[str]) -> None:
    """Make a user an owner of categories no more. Raises NoSuchUser."""
    user = users.find(session, name)
    session.execute(
        delete(CategoryOwner).where(CategoryOwner.user_id == user.id, CategoryOwner.category.in_(categories))
    )
