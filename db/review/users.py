"""Users: people who review and operate, with their roles. Passwords arrive hashed; see `review.passwords`."""

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from db import CatalogueError
from db.reporting import acts
from db.schema import ApiToken, User, UserSession
from db.schema.vocabulary import ROLES
from db.session import sql_now

LONGEST_NAME = 64


class NoSuchUser(CatalogueError):
    """No user has that name."""


class UserRefused(CatalogueError):
    """A user cannot be made or changed like that; the message says why."""


def add(session: Session, name: str, role: str, password_hash: str | None = None) -> User:
    """Add a user. Raises UserRefused if the name is taken or is none."""
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise UserRefused(f"{name!r} is no name for a user: 1 to {LONGEST_NAME} letters, without spaces around them")
    if role not in ROLES:
        raise UserRefused(f"{role!r} is no role; the roles are {', '.join(ROLES)}")
    if session.execute(select(User.id).where(User.name == name)).first():
        raise UserRefused(f"there is a user {name!r} already; `tagger user list` shows all")
    row = {"name": name, "role": role, "password_hash": password_hash, "created_at": sql_now(session)}
    return session.execute(insert(User).values(row).returning(User)).scalar_one()


def of_subject(session: Session, subject: str, name: str, role: str) -> User:
    """Return the user whom a provider of single sign-on has named, with the role that it says; add a new one.

    Raises UserRefused for one who is disabled, whose name somebody has, or who is the last admin and would be none.
    """
    user = session.execute(select(User).where(User.subject == subject)).scalar_one_or_none()
    if user is None:
        user = add(session, name, role)
        acts.note(session, acts.SINGLE_SIGN_ON, "user_added", f"{name}: {role}")
        session.execute(update(User).where(User.id == user.id).values(subject=subject))
    if user.disabled_at is not None:
        raise UserRefused(f"the user {user.name!r} is disabled; ask an admin")
    if user.role != role:
        set_role(session, user.name, role)
        acts.note(session, acts.SINGLE_SIGN_ON, "role_changed", f"{user.name}: {role}")
    return user


def find(session: Session, name: str) -> User:
    """Return the user of this name. Raises NoSuchUser."""
    user = session.execute(select(User).where(User.name == name)).scalar_one_or_none()
    if user is None:
        raise NoSuchUser(f"there is no user {name!r}; `tagger user list` shows all")
    return user


def name_of(session: Session, user_id: int) -> str:
    """Return the name of a user that is there."""
    return session.get_one(User, user_id).name


def find_enabled(session: Session, name: str) -> User | None:
    """Return the user of this name, if there is one and he is not disabled."""
    return session.execute(select(User).where(User.name == name, User.disabled_at.is_(None))).scalar_one_or_none()


def all_of(session: Session) -> Sequence[User]:
    """List all users by name."""
    return session.execute(select(User).order_by(User.name)).scalars().all()


def any_admin(session: Session) -> bool:
    """Tell whether somebody can administer: an enabled admin with a password."""
    able = User.role == "admin", User.disabled_at.is_(None), User.password_hash.is_not(None)
    return session.execute(select(User.id).where(*able).limit(1)).first() is not None


def set_role(session: Session, name: str, role: str) -> None:
    """Give a user another role. Raises NoSuchUser and UserRefused, which keeps the last admin."""
    user = find(session, name)
    if role != "admin":
        _keep_an_admin(session, user)
    session.execute(update(User).where(User.id == user.id).values(role=role))


def disable(session: Session, name: str) -> None:
    """Refuse a user from now on, in every session and with every token. Raises NoSuchUser and UserRefused."""
    user = find(session, name)
    _keep_an_admin(session, user)
    session.execute(update(User).where(User.id == user.id).values(disabled_at=sql_now(session)))
    _end_sessions(session, user.id)
    session.execute(delete(ApiToken).where(ApiToken.user_id == user.id))


def set_password(session: Session, user_id: int, password_hash: str) -> None:
    """Set a user's password, which lets a disabled one in again and ends his sessions and links."""
    session.execute(update(User).where(User.id == user_id).values(password_hash=password_hash, disabled_at=None))
    _end_sessions(session, user_id)


def _end_sessions(session: Session, user_id: int) -> None:
    session.execute(delete(UserSession).where(UserSession.user_id == user_id))


def _keep_an_admin(session: Session, user: User) -> None:
    others = User.role == "admin", User.disabled_at.is_(None), User.id != user.id
    is_last = session.execute(select(func.count()).select_from(User).where(*others)).scalar_one() == 0
    if user.role == "admin" and user.disabled_at is None and is_last:
        raise UserRefused(f"{user.name!r} is the last admin; make another one first: `tagger user role NAME admin`")
