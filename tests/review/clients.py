"""What the tests of the review do with it, as programs and as browsers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from tests.db.catalogues import Catalogue

PASSWORD = "correct horse"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


@dataclass(frozen=True)
class Review:
    """An application, its catalogue, a token of each role, and the images that wait, the least certain first."""

    catalogue: Catalogue
    client: TestClient
    tokens: dict[str, str]
    ids: list[int]
    folder: Path

    def ask(self, method: str, path: str, *, role: str = "reviewer", **options: Any) -> Response:
        """Send a request of a program to the API, or to any other path that begins with a slash."""
        url = path if path.startswith("/") else f"/api/v1/{path}"
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} | options.pop("headers", {})
        return self.client.request(method, url, headers=headers, **options)

    def screen(self, *, role: str = "reviewer", **wanted: Any) -> Any:
        return self.ask("POST", "screens", role=role, json=wanted).json()

    def decide(self, *decisions: dict[str, Any], role: str = "reviewer", screen: int | None = None) -> Response:
        return self.ask("POST", "decisions", role=role, json={"screen": screen, "decisions": list(decisions)})

    def log_in(self, name: str = "a-reviewer", password: str = PASSWORD, **options: Any) -> Response:
        headers = SAME_ORIGIN | options.pop("headers", {})
        return self.client.post("/login", data={"name": name, "password": password}, headers=headers, **options)

    def tag(self, object_id: int) -> tuple[Any, ...]:
        statement = "SELECT category, review_reason, source, version FROM image_tag WHERE object_id = :id"
        return tuple(self.catalogue.sql(statement, id=object_id)[0])


def decision(item: dict[str, Any], category: str | None = "Dress", **fields: Any) -> dict[str, Any]:
    """Decide on an item of a screen."""
    given = {
        "id": f"d-{item['object_id']}-{item['version']}",
        "object_id": item["object_id"],
        "version": item["version"],
    }
    return given | ({"category": category} if category else {}) | fields
