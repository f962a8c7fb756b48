"""The pages of single sign-on: to the provider, and back from it."""

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from db import actors
from db.reporting import acts
from db.review import access, users
from db.review.users import UserRefused
from db.session import Sessions, in_transaction
from review.access.auth import set_cookie
from review.access.oidc import COOKIE, Identity, SingleSignOn
from review.locale.texts import gettext
from review.pages.entry import own_path
from review.parts import parts_of
from review.problems import Problem

router = APIRouter(include_in_schema=False)


@router.get("/oidc/login")
async def begin_single_sign_on(request: Request, next: str = "/") -> Response:
    """Send a browser to the provider."""
    return await _provider(request).begin(request, own_path(next))


@router.get("/oidc/callback")
async def finish_single_sign_on(request: Request) -> Response:
    """Log in whom the provider has named; who comes for the first time is made a user."""
    identity, path = await _provider(request).finish(request)
    agent = request.headers.get("user-agent", "")
    address = request.client.host if request.client else ""
    secret = await run_in_threadpool(_log_in, parts_of(request).sessions, identity, agent, address)
    structlog.get_logger().info("logged_in", user=identity.name, address=address, how="oidc")
    response = RedirectResponse(own_path(path), 303)
    response.delete_cookie(COOKIE, path="/")
    set_cookie(request, response, secret)
    return response


def _provider(request: Request) -> SingleSignOn:
    provider = parts_of(request).single_sign_on
    if provider is None:
        raise Problem(404, gettext("there is no single sign-on here"))
    return provider


def _log_in(sessions: Sessions, identity: Identity, agent: str, address: str) -> str:
    def work(session: Session) -> str:
        user = users.of_subject(session, identity.subject, identity.name, identity.role)
        acts.note(session, actors.of_person(user.name), "logged_in", acts.SINGLE_SIGN_ON, address=address)
        return access.open_session(session, user.id, agent)

    try:
        return in_transaction(sessions, work)
    except UserRefused as error:
        structlog.get_logger().warning("login_failed", how="oidc", error=str(error))
        refused = {"about": f"{acts.SINGLE_SIGN_ON}: {identity.name}", "address": address}
        in_transaction(sessions, lambda session: acts.note(session, "", "login_failed", **refused))
        raise Problem(403, str(error)) from None
