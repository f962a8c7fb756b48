"""A reviewer's program: a connection that is kept, a token, and how long each answer took."""

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from db.review import access, users
from db.session import Sessions
from review.access.auth import COOKIE

KEPT_S = 3.0
"""How long an idle connection is used again; the server closes it after five seconds."""
SCOPES = ("read", "review")


@dataclass
class Client:
    """Requests to one server, one after the other."""

    port: int
    headers: Mapping[str, str]
    served_ms: float = 0.0
    """How long the server says that the last answer took."""
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)
    _used_at: float = 0.0

    def ask(self, method: str, path: str, body: Any = None) -> tuple[float, Any]:
        """Send a request; return its milliseconds and the answer, decoded if it is JSON. Raises AssertionError."""
        if self._connection is None or time.monotonic() - self._used_at > KEPT_S:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = json.dumps(body).encode() if body is not None else None
        headers = {**self.headers, "Content-Type": "application/json"} if given else self.headers
        began = time.perf_counter()
        self._connection.request(method, path, given, dict(headers))
        answer = self._connection.getresponse()
        data = answer.read()
        self._used_at = time.monotonic()
        took = 1000 * (time.perf_counter() - began)
        self.served_ms = float(answer.headers.get("Server-Timing", "app;dur=0").partition("dur=")[2])
        assert answer.status < 400, (method, path, answer.status, data[:500])
        is_json = answer.headers.get_content_type() == "application/json"
        return took, json.loads(data) if is_json and data else data

    def hang_up(self) -> None:
        """Connect anew at the next request."""
        self._connection = None


def reviewer(sessions: Sessions, port: int, name: str) -> Client:
    """Make a reviewer with a token."""
    with sessions.begin() as session:
        user = users.add(session, name, "reviewer")
        token = access.add_token(session, user.id, SCOPES, 1)
    return Client(port, {"Authorization": f"Bearer {token}"})


def in_browser(sessions: Sessions, port: int, name: str, role: str = "operator") -> Client:
    """Make somebody who is logged in with a browser."""
    with sessions.begin() as session:
        user = users.add(session, name, role)
        secret = access.open_session(session, user.id)
    return Client(port, {"Cookie": f"{COOKIE}={secret}", "Accept": "text/html", "Sec-Fetch-Site": "same-origin"})


def decisions(items: Sequence[Mapping[str, Any]], category: str | None = None) -> list[dict[str, Any]]:
    """Decide on items: each is what the model says, or of this category."""
    return [
        {
            "id": f"d-{item['object_id']}-{item['version']}",
            "object_id": item["object_id"],
            "version": item["version"],
            "category": category or item["category"],
        }
        for item in items
    ]


def answers(client: Client) -> bool:
    """Tell whether the server can be reached."""
    try:
        client.ask("GET", "/healthz")
    except OSError:
        client.hang_up()
        return False
    return True
