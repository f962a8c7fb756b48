"""Ways in: sessions of browsers, tokens of programs, links to set a password once. Only hashes of them are kept."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Select, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from db.schema import ApiToken, LoginThrottle, User, UserSession
from db.schema.columns import table_of
from db.session import dialect_of, now, sql_now, upsert

SESSION_S = 12 * 3600.0
LINK_S = 24 * 3600.0
_LONGEST_WAIT_S = 900.0
_FORGOTTEN_S = 86_400.0
_KEPT = 16


@dataclass(frozen=True, slots=True)
class Person:
    """Who a session or token stands for; `scopes` is None for a session, which may all that the role may."""

    user_id: int
    name: str
    role: str
    scopes: frozenset[str] | None = None


def open_session(session: Session, user_id: int, agent: str = "") -> str:
    """Log a browser in; returns the secret of its cookie."""
    return _issue(session, user_id, "login", SESSION_S, agent[:200])


def open_link(session: Session, user_id: int) -> str:
    """Make a link to set a user's password once; returns its secret. Earlier ones of his end."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id, UserSession.purpose == "password"))
    return _issue(session, user_id, "password", LINK_S, "")


def by_session(session: Session, secret: str) -> Person | None:
    """Return whose session this is; None if it has ended, or its user is disabled."""
    return _person(session, "login", secret)


def by_link(session: Session, secret: str) -> Person | None:
    """Return whose password this link sets; None if it was used or its time is over."""
    return _person(session, "password", secret)


def sessions_of(session: Session, user_id: int) -> Sequence[UserSession]:
    """List a user's living sessions, the newest first."""
    mine = UserSession.user_id == user_id, UserSession.purpose == "login", UserSession.expires_at > sql_now(session)
    return session.execute(select(UserSession).where(*mine).order_by(UserSession.id.desc())).scalars().all()


def close_session(session: Session, secret: str) -> int | None:
    """Log a browser out; returns whose session it was, if there was one."""
    ended = delete(UserSession).where(UserSession.token_hash == _hash(secret)).returning(UserSession.user_id)
    return session.execute(ended).scalar_one_or_none()


def revoke_session(session: Session, user_id: int, session_id: int) -> bool:
    """End one of a user's sessions; whether there was one."""
    of_user = delete(UserSession).where(UserSession.id == session_id, UserSession.user_id == user_id)
    return session.execute(of_user.returning(UserSession.id)).scalar_one_or_none() is not None


def add_token(session: Session, user_id: int, scopes: Sequence[str], days: float) -> str:
    """Make a token with which a program acts for a user; returns it."""
    secret = secrets.token_urlsafe(32)
    row = {"user_id": user_id, "token_hash": _hash(secret), "scopes": " ".join(scopes)}
    times = {"created_at": sql_now(session), "expires_at": sql_now(session, days * 86_400)}
    session.execute(insert(ApiToken).values(row | times))
    return secret


def by_token(session: Session, secret: str) -> Person | None:
    """Return for whom a token acts; None if it has ended, or its user is disabled."""
    row = session.execute(_tokens(dialect_of(session)), {"hash": _hash(secret)}).one_or_none()
    return None if row is None else Person(row.id, row.name, row.role, frozenset(row.scopes.split()))


def begin_login(session: Session, limits: Mapping[str, int]) -> float:
    """Count a login, as if it failed, against each subject; returns for how many seconds it has to wait instead.

    `limits` says from which failure on each subject has to wait, twice as long each time. To count before the password
    is looked at leaves no gap for many guesses at once.
    """
    throttle, at = table_of(LoginThrottle), now(session)
    session.execute(delete(LoginThrottle).where(LoginThrottle.last_at < sql_now(session, -_FORGOTTEN_S)))
    limit_of = {_hash(subject): limit for subject, limit in limits.items()}
    rows = [{"subject": subject, "failures": 0, "last_at": at, "blocked_until": at} for subject in sorted(limit_of)]
    session.execute(upsert(session, throttle).on_conflict_do_nothing(), rows)
    locked = select(LoginThrottle).where(LoginThrottle.subject.in_(limit_of)).order_by(LoginThrottle.subject)
    counters = session.execute(locked.with_for_update()).scalars().all()
    wait_s = max((counter.blocked_until - at).total_seconds() for counter in counters)
    if wait_s > 0:
        return wait_s
    for counter in counters:
        counter.failures, counter.last_at = counter.failures + 1, at
        if (over := counter.failures - limit_of[counter.subject]) >= 0:
            counter.blocked_until = at + timedelta(seconds=min(_LONGEST_WAIT_S, 2.0 ** min(over + 1, 20)))
    session.flush()
    return 0.0


def end_login(session: Session, name: str, address: str) -> None:
    """Take a successful login back: the name has no failures any more, and the address one less."""
    session.execute(delete(LoginThrottle).where(LoginThrottle.subject == _hash(name)))
    less = update(LoginThrottle).where(LoginThrottle.subject == _hash(address), LoginThrottle.failures > 0)
    session.execute(less.values(failures=LoginThrottle.failures - 1, blocked_until=now(session)))


def _issue(session: Session, user_id: int, purpose: str, valid_s: float, agent: str) -> str:
    secret = secrets.token_urlsafe(32)
    session.execute(delete(UserSession).where(UserSession.expires_at < sql_now(session)))
    row = {"user_id": user_id, "purpose": purpose, "token_hash": _hash(secret), "agent": agent}
    times = {"created_at": sql_now(session), "expires_at": sql_now(session, valid_s)}
    session.execute(insert(UserSession).values(row | times))
    return secret


@lru_cache(_KEPT)
def _tokens(dialect: Dialect) -> Select[*tuple[Any, ...]]:
    """Select whose living token has a hash. Each request asks so: built once, and of tables, which need no ORM."""
    user, token = table_of(User).c, table_of(ApiToken).c
    alive = token.expires_at > sql_now(dialect), user.disabled_at.is_(None)
    users = select(user.id, user.name, user.role, token.scopes).where(token.user_id == user.id)
    return users.where(token.token_hash == bindparam("hash"), *alive)


@lru_cache(_KEPT)
def _logins(dialect: Dialect, purpose: str) -> Select[*tuple[Any, ...]]:
    """Select whose living session, or link, has a hash."""
    user, login = table_of(User).c, table_of(UserSession).c
    alive = login.purpose == purpose, login.expires_at > sql_now(dialect), user.disabled_at.is_(None)
    users = select(user.id, user.name, user.role).where(login.user_id == user.id)
    return users.where(login.token_hash == bindparam("hash"), *alive)


def _person(session: Session, purpose: str, secret: str) -> Person | None:
    row = session.execute(_logins(dialect_of(session), purpose), {"hash": _hash(secret)}).one_or_none()
    return None if row is None else Person(row.id, row.name, row.role)


def _hash(secret: str) -> str:
    """Hash what is random, or is not to be read: a fast hash is enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
