"""Conditional requests (RFC 9110, section 13): nothing is sent that is known, nothing changed that was not seen."""

import hashlib

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.problems import Problem


def is_known(given: str | None, etag: str) -> bool:
    """Tell whether an If-None-Match names this ETag; a proxy that compresses may have made it a weak one."""
    return _names(given, etag.removeprefix("W/"), weak=True)


def check_unchanged(request: Request, version: int | None) -> None:
    """Refuse a request whose If-Match names another version of an image than its present one. Raises Problem."""
    given = request.headers.get("if-match")
    if given is not None and version is not None and not _names(given, f'"{version}"', weak=False):
        raise Problem(412, f"the image has changed since: its version is {version} now; look at it again")


class Conditional:
    """ASGI middleware that gives each answer to a GET of the API an ETag, and says 304 to whoever has it already."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("if-none-match")
        begun: list[Message] = []
        body = bytearray()

        async def gather(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.append(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                await _send(send, begun[0], bytes(body), given)

        await self._app(scope, receive, gather)


async def _send(send: Send, start: Message, body: bytes, given: str | None) -> None:
    headers = MutableHeaders(scope=start)
    if start["status"] == 200:
        etag = headers.setdefault("ETag", f'"{hashlib.sha256(body).hexdigest()[:32]}"')
        headers["Cache-Control"] = "private, no-cache"
        if is_known(given, etag):
            del headers["content-length"], headers["content-type"]
            start["status"], body = 304, b""
    await send(start)
    await send({"type": "http.response.body", "body": body})


def _names(given: str | None, etag: str, *, weak: bool) -> bool:
    if given is None:
        return False
    names = [name.strip() for name in given.split(",")]
    return "*" in names or etag in ([name.removeprefix("W/") for name in names] if weak else names)
