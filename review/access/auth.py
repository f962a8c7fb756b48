"""Who asks, and what he may: sessions of browsers by cookie, programs by token; roles and scopes; logins."""

from collections.abc import Callable
from typing import Annotated

import structlog
from fastapi import Depends, Request, Response
from fastapi.security import HTTPBearer
from sqlalchemy.orm import Session

from db import actors
from db.reporting import acts
from db.review import access, users
from db.review.access import Person
from db.session import Sessions, in_transaction, reading
from review.access import passwords
from review.parts import Parts, parts_of
from review.problems import LoginNeeded, Problem

COOKIE = "tagger_session"
SCOPES = {
    "viewer": ("read",),
    "reviewer": ("read", "review"),
    "operator": ("read", "review", "operate"),
    "admin": ("read", "review", "operate", "admin"),
}
"""What each role may. A token has some of its user's scopes."""
BY_NAME, BY_ADDRESS = 5, 50
"""Failed logins to one name, and from one address, after which the next has to wait."""
bearer = HTTPBearer(auto_error=False, description="A token of `tagger user token NAME`.")


class Blocked(Exception):
    """Too many logins have failed; `wait_s` says when the next is looked at."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many logins have failed: try again in {wait_s:.0f} s")
        self.wait_s = wait_s


def needs(scope: str) -> Callable[[Request], Person]:
    """Make a dependency that returns who asks, and refuses everybody who may not."""

    def person(request: Request) -> Person:
        with reading(parts_of(request).sessions) as session:
            return allowed(request, session, scope)

    return person


def allowed(request: Request, session: Session, scope: str) -> Person:
    """Return who asks. Raises LoginNeeded if nobody known does, and Problem if he may not."""
    person = _known(request, session)
    if person is None:
        raise LoginNeeded
    _limit(parts_of(request), person)
    request.state.person = person
    if scope not in scopes_of(person):
        raise Problem(403, f"this needs the scope {scope!r}, which your role or token does not have")
    return person


def _known(request: Request, session: Session) -> Person | None:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return access.by_token(session, secret.strip())
    cookie = request.cookies.get(COOKIE)
    return access.by_session(session, cookie) if cookie else None


def scopes_of(person: Person) -> set[str]:
    """Return what somebody may: as his role, and if he came by a token, what that is for."""
    scopes = set(SCOPES[person.role])
    return scopes if person.scopes is None else scopes & person.scopes


def log_in(sessions: Sessions, name: str, password: str, *, address: str, agent: str) -> str | None:
    """Return the secret of a new session; None if name or password is wrong, untold which. Raises Blocked."""
    by_name, by_address = f"name:{name}", f"address:{address}"
    limits = {by_name: BY_NAME, by_address: BY_ADDRESS}
    wait_s = in_transaction(sessions, lambda session: access.begin_login(session, limits))
    if wait_s > 0:
        raise Blocked(wait_s)
    with reading(sessions) as session:
        user = users.find_enabled(session, name)
    log = structlog.get_logger()
    if not passwords.matches(password, user.password_hash if user else None) or user is None:
        log.warning("login_failed", address=address)  # without the name: people type passwords into its field
        in_transaction(sessions, lambda session: acts.note(session, "", "login_failed", address=address))
        return None
    log.info("logged_in", user=user.name, address=address)
    with sessions.begin() as session:
        access.end_login(session, by_name, by_address)
        acts.note(session, actors.of_person(user.name), "logged_in", address=address)
        return access.open_session(session, user.id, agent)


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Let the browser keep a session's secret, away from scripts and from requests of other sites."""
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, secret, int(access.SESSION_S), httponly=True, samesite="lax", secure=secure, path="/")


def _limit(parts: Parts, person: Person) -> None:
    if not parts.may_ask(person.user_id):
        raise Problem(429, "too many requests; wait a moment", headers={"Retry-After": "5"})


Viewer = Annotated[Person, Depends(needs("read"))]
ReviewerPerson = Annotated[Person, Depends(needs("review"))]
Operator = Annotated[Person, Depends(needs("operate"))]
Admin = Annotated[Person, Depends(needs("admin"))]
