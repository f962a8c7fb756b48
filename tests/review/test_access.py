"""Access: nobody gets in without the right session or token, from another site's page, or by guessing."""

from __future__ import annotations

from functools import reduce
from typing import cast

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from db.schema.vocabulary import ROLES
from review.access.auth import COOKIE, SCOPES
from review.access.rates import Rate
from tests.db.catalogues import LONG_AGO
from tests.review.clients import PASSWORD, SAME_ORIGIN, Review

OPEN = {
    "/login",
    "/logout",
    "/language",
    "/password",
    "/healthz",
    "/readyz",
    "/metrics",
    "/static",
    "/oidc/login",
    "/oidc/callback",
    "/api/v1/openapi.json",
}
REVIEW = (
    *("POST /api/v1/screens", "POST /api/v1/objects", "POST /api/v1/decisions", "DELETE /api/v1/screens"),
    *("GET /one", "POST /one", "POST /undo", "GET /screen", "POST /sessions", "POST /api/v1/sessions"),
)
OPERATE = (
    *("POST /api/v1/runs", "POST /api/v1/plans", "POST /runs", "GET /runs/1/", "POST /plans", "GET /plans/new"),
    *("POST /schedule", "POST /api/v1/schedule"),
)
FILLED_IN = {"{id}": "1", "{size}": "small", "{change}": "pause", "{code}": "P-1"}


def routes(review: Review) -> list[tuple[str, str]]:
    """List every method and path of the application that is not open to all, with ids filled in."""
    app = cast("FastAPI", review.client.app)
    return [
        (method, reduce(lambda path, part: path.replace(*part), FILLED_IN.items(), str(route.path)))
        for route in iter_route_contexts(app.routes)
        if route.path not in OPEN
        for method in sorted(route.methods or ())
    ]


def needed(method: str, path: str) -> str:
    if path == "/log":
        return "admin"
    if f"{method} {path}".startswith(OPERATE):
        return "operate"
    return "review" if f"{method} {path}".startswith(REVIEW) else "read"


def test_every_route_is_refused_without_a_session_or_token(review: Review) -> None:
    asked = routes(review)
    wrong = [{}, {"Authorization": "Bearer guessed"}, {"Cookie": f"{COOKIE}=guessed"}, {"Authorization": "Basic YTpi"}]

    for headers in wrong:
        statuses = {review.client.request(*route, headers=headers).status_code for route in asked}
        assert statuses == {401}
    assert len(asked) > 20


def test_every_route_is_refused_to_roles_that_may_not(review: Review) -> None:
    for role in ROLES:
        for method, path in routes(review):
            refused = review.ask(method, path, role=role).status_code == 403
            assert refused == (needed(method, path) not in SCOPES[role]), (role, method, path)


def test_a_token_is_for_its_scopes_alone(review: Review) -> None:
    review.catalogue.sql("UPDATE api_token SET scopes = 'read'")

    assert review.ask("GET", "objects").status_code == 200
    assert review.ask("POST", "screens", json={}).status_code == 403


def test_an_ended_token_is_refused(review: Review) -> None:
    review.catalogue.sql("UPDATE api_token SET expires_at = :then", then=LONG_AGO)

    answer = review.ask("GET", "objects")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_login_gives_a_cookie_that_scripts_and_other_sites_do_not_get(review_on_both: Review) -> None:
    answer = review_on_both.log_in()

    cookie = answer.headers["set-cookie"]
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert review_on_both.client.get("/").status_code == 200
    review_on_both.client.post("/logout", headers=SAME_ORIGIN)
    assert review_on_both.client.get("/api/v1/objects").status_code == 401


def test_a_session_that_somebody_planted_is_not_the_one_after_the_login(review: Review) -> None:
    answer = review.log_in(headers={"Cookie": f"{COOKIE}=planted"})

    assert "planted" not in answer.headers["set-cookie"]
    review.client.cookies.clear()
    assert review.client.get("/", headers={"Cookie": f"{COOKIE}=planted"}).status_code == 401


@pytest.mark.parametrize("name", ["a-reviewer", "nobody"])
def test_a_wrong_login_tells_nothing_and_makes_the_next_wait(review: Review, name: str) -> None:
    answers = [review.log_in(name, "wrong password") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert "Name or password is wrong." in answers[0].text
    assert int(answers[5].headers["retry-after"]) >= 1
    assert review.log_in(name).status_code == 429  # even with the right password


def test_unknown_names_take_as_long_as_known_ones(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr("review.access.auth.passwords.matches", lambda _, known: compared.append(known is None))

    for name in ("a-reviewer", "nobody"):
        review.log_in(name)

    assert compared == [False, True]


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_a_login_leads_to_no_other_site(review: Review, path: str) -> None:
    answer = review.client.post(
        "/login", data={"name": "a-reviewer", "password": PASSWORD, "next": path}, headers=SAME_ORIGIN
    )

    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "http://testserver"}, 201),
        ({}, 201),
    ],
)
def test_a_page_of_another_site_changes_nothing(review: Review, headers: dict[str, str], status: int) -> None:
    review.log_in()

    answer = review.client.post("/api/v1/screens", json={"limit": 1}, headers=headers)

    assert answer.status_code == status


def test_every_answer_has_a_strict_policy(review: Review) -> None:
    for path in ("/login", "/healthz", "/nothing", "/api/v1/objects", "/static/review.css"):
        headers = review.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


def test_every_problem_that_a_route_answers_with_is_described(review: Review) -> None:
    document = review.client.get("/api/v1/openapi.json").json()

    for path, methods in document["paths"].items():
        for operation in methods.values():
            told = operation["responses"]["403"]["content"]["application/problem+json"]["schema"]
            assert {"title", "status", "detail"} <= set(told["properties"]), path


def test_a_body_without_an_end_is_refused(review: Review) -> None:
    def chunks() -> object:
        for _ in range(20):
            yield b" " * 100_000

    told = review.ask("POST", "decisions", content=b" " * 1_100_000)
    untold = review.ask("POST", "decisions", content=chunks(), headers={"Content-Type": "application/json"})

    assert (told.status_code, untold.status_code) == (413, 413)


def test_many_requests_of_one_user_are_slowed_down(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review.client.app.state.parts, "_rate", Rate(2))  # type: ignore[attr-defined]

    statuses = [review.ask("GET", "objects").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert review.ask("GET", "objects", role="viewer").status_code == 200
