"""People who review and operate, and their ways in: sessions, tokens, and what keeps guesses of passwords rare."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.columns import Base
from db.schema.vocabulary import ROLES


class User(Base):
    """A person who reviews or operates."""

    __tablename__ = "user"
    __table_args__ = (CheckConstraint(f"role IN {ROLES}", name="role"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str | None]  # None: there is no way in by password yet
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    subject: Mapped[str | None] = mapped_column(index=True, unique=True)  # issuer and id of who came by single sign-on


class UserSession(Base):
    """A browser that is logged in, or a link with which to set a password once. Only the token's hash is kept."""

    __tablename__ = "user_session"
    __table_args__ = (
        CheckConstraint("purpose IN ('login', 'password')", name="purpose"),
        Index("ix_user_session_user_id", "user_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    purpose: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    agent: Mapped[str]  # what the browser calls itself, so that people know their sessions


class ApiToken(Base):
    """A token with which a program acts for a user. Only its hash is kept."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    token_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[str]  # with a space between them
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class LoginThrottle(Base):
    """Failed logins to one name or from one address; `subject` is a hash, as passwords get typed into wrong fields."""

    __tablename__ = "login_throttle"

    subject: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime]
    blocked_until: Mapped[datetime]


class Act(Base):
    """Something that somebody did about people and their ways in, or a way in that was tried. Append-only."""

    __tablename__ = "act"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]  # see db.actors; empty where nobody knows
    act: Mapped[str]  # one of ACTS
    about: Mapped[str | None]  # whom or what, as people read it
    address: Mapped[str | None]  # where it came from over the network
