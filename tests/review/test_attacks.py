"""What an attacker sends: script in names, paths that lead out, images that explode, tokens and links that are over."""

from __future__ import annotations

import struct
import zlib
from typing import cast

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from db.review import access, users
from review.access import passwords
from tests.db.catalogues import LONG_AGO
from tests.review.clients import PASSWORD, SAME_ORIGIN, Review

SCRIPT = "<script>alert(1)</script>"
QUOTED = "\" onfocus=alert(1) x='"
NOT_SHOWN = ("/static", "/images/", "/dashboard/events", "/metrics", "/oidc/", "/api/")


def pages(review: Review) -> list[str]:
    """List every page of the application, as it is routed."""
    app = cast("FastAPI", review.client.app)
    paths = [str(route.path) for route in iter_route_contexts(app.routes) if "GET" in (route.methods or ())]
    return [path.replace("{id}", "1") for path in paths if not path.startswith(NOT_SHOWN)]


def png(width: int, height: int) -> bytes:
    """Make an image that says it is as large as that, of hardly any bytes."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0" * 1000))]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_script_in_whatever_people_name_is_text_on_every_page(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = SCRIPT + QUOTED
    for statement in (
        "UPDATE source_object SET key = :text, product_id = :text WHERE id = 1",
        "UPDATE image_tag SET category = :text WHERE object_id = 1",
        "UPDATE run SET requested_by = :text",
        "UPDATE tag_event SET why = :text",
    ):
        review.catalogue.sql(statement, text=hostile)
    names = review.client.app.state.parts.categories.names()  # type: ignore[attr-defined]
    monkeypatch.setattr("review.categories.Categories.names", lambda _: [*names, hostile])
    review.ask("POST", "objects/1/comments", json={"text": hostile})
    review.log_in("a-admin", headers={"User-Agent": hostile})

    for path in pages(review):
        page = review.client.get(f"{path}?next=/{hostile}&category={hostile}", headers=SAME_ORIGIN).text
        assert SCRIPT not in page, path
        assert "onfocus=alert(1) x='" not in page.replace("&#39;", ""), path


def test_answers_of_the_api_are_never_taken_for_pages(review: Review) -> None:
    data = png(4, 4)

    answer = review.ask("POST", "classify", files={"file": (SCRIPT, data)}, headers={"Accept": "text/html"})

    assert answer.headers["content-type"] in ("application/json", "application/problem+json")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_key_leads_to_nothing_outside_of_its_folder(review: Review) -> None:
    (review.folder / "secret.png").write_bytes((review.folder / "photos" / "0001.png").read_bytes())

    for key in (
        "../secret.png",
        "..\\secret.png",
        str(review.folder / "secret.png"),
        "./../secret.png",
        "a/../../secret.png",
    ):
        review.catalogue.sql("UPDATE source_object SET key = :key WHERE id = 1", key=key)
        assert review.ask("GET", "/images/1/small").status_code == 404, key


@pytest.mark.parametrize(
    "path", ["/static/../parts.py", "/static/%2e%2e/parts.py", "/static/..%2fparts.py", "/static//etc/passwd"]
)
def test_nothing_outside_of_the_static_files_is_served(review: Review, path: str) -> None:
    assert review.client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (png(30_000, 30_000), "too_many_pixels"),
        (png(2**31 - 1, 1), "too_many_pixels"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "unsupported_format"),
        (b"<html><body onload=alert(1)>", "unsupported_format"),
        (b"%PDF-1.7", "unsupported_format"),
        (b"GIF89a" + b"\xff" * 7, "corrupt"),
    ],
    ids=["a bomb", "one row of it", "SVG", "HTML", "PDF", "a header alone"],
)
def test_what_is_no_photograph_or_explodes_is_refused_unopened(review: Review, data: bytes, error: str) -> None:
    answer = review.ask("POST", "classify", files={"file": ("photo.png", data, "image/png")})

    assert answer.status_code == 422
    assert answer.json()["error"] == error


def test_names_that_nobody_has_cost_as_much_as_any(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []
    hasher = passwords._hasher()
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)
    verify = hasher.verify
    monkeypatch.setattr(hasher, "verify", lambda given, known: hashed.append(known[:30]) or verify(given, known))

    for name in ("a-reviewer", "nobody"):
        review.log_in(name, "wrong password")

    assert len(hashed) == 2
    assert hashed[0] == hashed[1]  # the same method and parameters, so the same work


def test_looking_at_the_page_for_a_password_does_not_use_its_link_up(review: Review) -> None:
    with review.catalogue.sessions.begin() as session:
        link = access.open_link(session, users.find(session, "a-admin").id)

    looked = [review.client.get(f"/password?token={link}") for _ in range(2)]

    assert [answer.status_code for answer in looked] == [200, 200]
    assert looked[0].headers["referrer-policy"] == "no-referrer"
    assert looked[0].headers["cache-control"] == "no-store"
    assert "set-cookie" not in looked[0].headers


def test_a_link_is_over_after_its_day_and_is_no_session(review: Review) -> None:
    with review.catalogue.sessions.begin() as session:
        link = access.open_link(session, users.find(session, "a-admin").id)

    assert review.client.get("/", headers={"Cookie": f"tagger_session={link}"}).status_code == 401
    assert review.client.get("/api/v1/objects", headers={"Authorization": f"Bearer {link}"}).status_code == 401
    review.catalogue.sql("UPDATE user_session SET expires_at = :then", then=LONG_AGO)
    assert review.client.get(f"/password?token={link}").status_code == 410


def test_an_ended_session_and_a_disabled_user_are_out_at_once(review: Review) -> None:
    review.log_in()
    with review.catalogue.sessions.begin() as session:
        users.disable(session, "a-reviewer")

    assert review.client.get("/objects").status_code == 401
    assert review.ask("GET", "objects").status_code == 401
    assert review.log_in(password=PASSWORD).status_code == 401


def test_a_token_in_a_cookie_or_an_address_is_none(review: Review) -> None:
    token = review.tokens["admin"]

    assert review.client.get("/api/v1/objects", headers={"Cookie": f"tagger_session={token}"}).status_code == 401
    assert review.client.get(f"/api/v1/objects?token={token}").status_code == 401
