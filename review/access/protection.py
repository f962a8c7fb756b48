"""Protection of every route: security headers, no request from another site's page, and no body without an end."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.problems import Problem, problem

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
MOST_BYTES = 1_000_000
SAFE = ("GET", "HEAD", "OPTIONS")


class Protection:
    """ASGI middleware; `larger` has the paths that take larger bodies, with their limits.

    `images` is another origin that pictures may come from.
    """

    def __init__(self, app: ASGIApp, larger: Mapping[str, int], images: str | None = None) -> None:
        self._app, self._larger = app, larger
        allowed = f"'self' {images}" if images else "'self'"
        self._headers = HEADERS | {"Content-Security-Policy": POLICY.format(images=allowed)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._larger.get(scope["path"], MOST_BYTES)

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    answer.setdefault(name, value)
                answer.setdefault("Cache-Control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
                if scope["scheme"] == "https":
                    answer.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        if scope["method"] not in SAFE and is_of_another_site(headers):
            refused = problem(403, "this request comes from a page of another site; open the review itself")
            await refused(scope, receive, send_protected)
        elif _length(headers) > limit:
            await problem(413, f"the body has more than {limit:,} bytes")(scope, receive, send_protected)
        else:
            await self._app(scope, _limited(receive, limit), send_protected)


def is_of_another_site(headers: Headers) -> bool:
    """Tell by Fetch Metadata, or else by Origin and Host, whether a page of another site sent a request.

    Programs send neither header, and browsers at least one with whatever changes something.
    """
    fetched_from = headers.get("sec-fetch-site")
    if fetched_from is not None:
        return fetched_from not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _length(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 19 else 0


def _limited(receive: Receive, limit: int) -> Receive:
    """Count what is received, as a body sent in chunks says nothing of its length."""
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise Problem(413, f"the body has more than {limit:,} bytes")
        return message

    return receive_limited
