"""The pages of ways in: logging in and out, setting a password with a link, and one's own sessions."""

from typing import Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from db import actors
from db.reporting import acts
from db.review import access, users
from db.session import in_transaction, reading
from review.access import passwords
from review.access.auth import COOKIE, Blocked, Viewer, log_in, scopes_of, set_cookie
from review.locale.languages import COOKIE as LANGUAGE_COOKIE, LANGUAGES
from review.locale.texts import gettext
from review.parts import parts_of
from review.problems import Problem
from review.templates import render

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form(max_length=2000)]
_YEAR_S = 365 * 86_400


@router.get("/login")
def login_page(request: Request, next: str = "/") -> Response:
    """Show the form to log in."""
    return render(request, "login.html", provider=_provider(request), next=own_path(next), fault=None, name="")


@router.post("/login")
def login(request: Request, name: Text, password: Text, next: Text = "/") -> Response:
    """Log a browser in, always with a new secret."""
    address = address_of(request)
    agent = request.headers.get("user-agent", "")
    try:
        secret = log_in(parts_of(request).sessions, name, password, address=address, agent=agent)
    except Blocked as blocked:
        wait = {"Retry-After": str(int(blocked.wait_s) + 1)}
        fault = gettext("Too many logins have failed: try again in %(seconds)s s.") % {
            "seconds": f"{blocked.wait_s:.0f}"
        }
        return render(
            request,
            "login.html",
            status=429,
            headers=wait,
            provider=_provider(request),
            next=own_path(next),
            fault=fault,
            name=name,
        )
    if secret is None:
        fault = gettext("Name or password is wrong.")
        return render(
            request, "login.html", status=401, provider=_provider(request), next=own_path(next), fault=fault, name=name
        )
    response = RedirectResponse(own_path(next), 303)
    set_cookie(request, response, secret)
    return response


@router.post("/logout")
def logout(request: Request) -> Response:
    """Log a browser out."""
    if (secret := request.cookies.get(COOKIE)) is not None:
        in_transaction(parts_of(request).sessions, lambda session: _close(session, secret, address_of(request)))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


@router.post("/language")
def choose_language(request: Request, language: Text, next: Text = "/") -> Response:
    """Keep the language of the pages for this browser."""
    if language not in LANGUAGES:
        raise Problem(422, gettext("choose one of the languages"))
    response = RedirectResponse(own_path(next), 303)
    secure = request.url.scheme == "https"
    response.set_cookie(LANGUAGE_COOKIE, language, _YEAR_S, httponly=True, samesite="lax", secure=secure, path="/")
    return response


@router.get("/password")
def password_page(request: Request, token: str = "") -> Response:
    """Show the form behind a link to set a password."""
    return _password_page(request, token, fault=None)


@router.post("/password")
def set_password(request: Request, token: Text, password: Text) -> Response:
    """Set a password with a link, which is used up by it."""
    if (fault := passwords.fault_of(password)) is not None:
        return _password_page(request, token, fault=f"{fault[:1].upper()}{fault[1:]}.")
    password_hash = passwords.hashed(password)
    with parts_of(request).sessions.begin() as session:
        person = access.by_link(session, token)
        if person is None:
            raise _link_is_over()
        users.set_password(session, person.user_id, password_hash)
        acts.note(session, actors.of_person(person.name), "password_set", person.name)
        secret = access.open_session(session, person.user_id, request.headers.get("user-agent", ""))
    structlog.get_logger().info("password_set", user=person.name)
    response = RedirectResponse("/", 303)
    set_cookie(request, response, secret)
    return response


@router.get("/account")
def account(request: Request, person: Viewer) -> Response:
    """Show somebody's own sessions."""
    with reading(parts_of(request).sessions) as session:
        open_sessions = access.sessions_of(session, person.user_id)
    scopes = scopes_of(person)
    may_review, may_see_log = "review" in scopes, "admin" in scopes
    return render(request, "account.html", sessions=open_sessions, may_review=may_review, may_see_log=may_see_log)


@router.post("/account/sessions/{id}/end")
def end_session(id: Annotated[int, Path(ge=1, le=2**63 - 1)], request: Request, person: Viewer) -> Response:
    """End one of somebody's own sessions."""
    with parts_of(request).sessions.begin() as session:
        if access.revoke_session(session, person.user_id, id):
            acts.note(session, actors.of_person(person.name), "session_ended", address=address_of(request))
    return RedirectResponse("/account", 303)


def _close(session: Session, secret: str, address: str) -> None:
    user_id = access.close_session(session, secret)
    if user_id is not None:
        acts.note(session, actors.of_person(users.name_of(session, user_id)), "logged_out", address=address)


def address_of(request: Request) -> str:
    """Return the address that a request came from."""
    return request.client.host if request.client else ""


def _password_page(request: Request, token: str, *, fault: str | None) -> Response:
    with reading(parts_of(request).sessions) as session:
        person = access.by_link(session, token)
    if person is None:
        raise _link_is_over()
    status = 200 if fault is None else 422
    return render(request, "password.html", status=status, token=token, name=person.name, fault=fault)


def _link_is_over() -> Problem:
    fault = gettext("this link was used, or its time is over; start `tagger review` again, or ask an admin")
    return Problem(410, fault)


def _provider(request: Request) -> str | None:
    issuer = parts_of(request).settings.oidc_issuer
    return issuer and urlsplit(issuer).hostname


def own_path(path: str) -> str:
    """Return a path of this site alone, whatever a link to the login asks for."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
