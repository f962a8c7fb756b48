"""Single sign-on by OpenID Connect: the authorization code flow with PKCE, state and nonce, as Authlib has it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from review.locale.texts import gettext
from review.problems import Problem
from worker import WorkerError

if TYPE_CHECKING:
    from fastapi import Request, Response

    from worker.settings import Settings

COOKIE = "tagger_oidc"
"""Holds state, nonce and verifier of a login that has begun, in the browser that began it."""
_BEGUN_S = 600
_TIMEOUT_S = 10.0


class NoSingleSignOn(WorkerError):
    """Authlib is not installed."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the provider has named: `subject` is his for ever, name and role are as its claims say now."""

    subject: str
    name: str
    role: str


class SingleSignOn:
    """Logins by the provider that the settings name."""

    def __init__(self, settings: Settings) -> None:
        try:
            from authlib.common.errors import AuthlibBaseError
            from authlib.integrations.starlette_client import OAuth
            from httpx2 import HTTPError
            from joserfc.errors import JoseError
        except ImportError:
            raise NoSingleSignOn(
                "TAGGER_OIDC_ISSUER needs more packages: pip install 'catalogue-tagger[oidc]'"
            ) from None
        self._settings = settings
        secret = settings.oidc_client_secret
        self._issuer = str(settings.oidc_issuer).rstrip("/")
        self._client = OAuth().register(
            "provider",
            server_metadata_url=f"{self._issuer}/.well-known/openid-configuration",
            client_id=settings.oidc_client_id,
            client_secret=secret and secret.get_secret_value(),
            client_kwargs={
                "scope": settings.oidc_scope,
                "code_challenge_method": "S256",
                "timeout": _TIMEOUT_S,
                **({} if secret else {"token_endpoint_auth_method": "none"}),
            },
        )
        self._faults = (AuthlibBaseError, JoseError, HTTPError, RuntimeError, LookupError, ValueError, TypeError)

    async def begin(self, request: Request, path: str) -> Response:
        """Send a browser to the provider; `path` is where it wants to go. Raises Problem."""
        request.scope["session"] = session = {"path": path}
        try:
            metadata = await self._client.load_server_metadata()
            if metadata["issuer"].rstrip("/") != self._issuer:
                raise ValueError(f"the provider calls itself {metadata['issuer']}")
            address = str(request.url_for("finish_single_sign_on"))
            response: Response = await self._client.authorize_redirect(request, address)
        except self._faults as error:
            structlog.get_logger().error("single_sign_on_failed", error=repr(error))
            raise Problem(503, gettext("the single sign-on does not answer; try again, or ask an admin")) from None
        value = urlsafe_b64encode(json.dumps(session).encode()).decode()
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, value, _BEGUN_S, "/", httponly=True, samesite="lax", secure=secure)
        return response

    async def finish(self, request: Request) -> tuple[Identity, str]:
        """Return who comes back from the provider, and where he wanted to go. Raises Problem."""
        request.scope["session"] = session = _begun(request)
        path = str(session.get("path", "/"))
        try:
            token = await self._client.authorize_access_token(request)
            claims = await self._claims(token)
            subject, name = f"{claims['iss']} {claims['sub']}", str(claims[self._settings.oidc_name_claim]).strip()
        except self._faults as error:
            address = request.client.host if request.client else ""
            structlog.get_logger().warning("login_failed", address=address, how="oidc", error=repr(error)[:300])
            raise Problem(400, gettext("the single sign-on failed; go back to the login and try again")) from None
        role = self._settings.role_of(_values(claims, self._settings.oidc_role_claim))
        if role is None:
            raise Problem(403, gettext("none of your groups may use the review; ask an admin"))
        return Identity(subject, name, role), path

    async def _claims(self, token: dict[str, Any]) -> dict[str, Any]:
        """Return the claims of the signed token, and what the provider tells of the same person besides."""
        claims: dict[str, Any] = dict(token["userinfo"])
        wanted = (self._settings.oidc_name_claim, self._settings.oidc_role_claim.partition(".")[0])
        if not all(name in claims for name in wanted) and "userinfo_endpoint" in self._client.server_metadata:
            told = dict(await self._client.userinfo(token=token))
            if told["sub"] != claims["sub"]:
                raise ValueError("the provider tells of somebody else")
            claims = told | claims
        return claims


def _begun(request: Request) -> dict[str, Any]:
    """Read what the cookie keeps; whoever forges it has forged his own login alone, which then fails."""
    try:
        session = json.loads(urlsafe_b64decode(request.cookies.get(COOKIE, "")))
    except ValueError:
        return {}
    return session if isinstance(session, dict) else {}


def _values(claims: dict[str, Any], name: str) -> set[str]:
    """Return the values of a claim, which may lie in others."""
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return {value} if isinstance(value, str) else {str(part) for part in value} if isinstance(value, list) else set()
