"""The log: administrators see who logged in, who changed users, and what people did to runs."""

from __future__ import annotations

from db.reporting import acts
from db.review import users
from db.session import reading
from tests.review.clients import Review


def logged(review: Review) -> list[tuple[str, str, str | None]]:
    with reading(review.catalogue.sessions) as session:
        return [(row["by"], row["act"], row["about"]) for row in acts.recent(session)]


def test_logins_and_what_people_did_to_runs_are_in_the_log(review_on_both: Review) -> None:
    review = review_on_both
    review.log_in("a-admin", "wrong password")
    review.log_in("a-admin")
    assert review.ask("POST", "runs/1/pause", role="operator", json={"why": "the lens is dirty"}).status_code == 200

    assert logged(review) == [
        ("a-operator", "run_paused", "the lens is dirty"),
        ("a-admin", "logged_in", None),
        ("", "login_failed", None),
        ("amina", "run_opened", "scan:1"),
    ]
    page = review.client.get("/log", headers={"Accept": "text/html"}).text
    for words in ("the lens is dirty", "run paused", "login failed", "testclient", 'href="/runs/1"'):
        assert words in page


def test_what_single_sign_on_does_to_users_is_in_the_log(review_on_both: Review) -> None:
    for role in ("reviewer", "operator", "operator"):
        with review_on_both.catalogue.sessions.begin() as session:
            users.of_subject(session, "issuer|7", "zawadi", role)

    assert logged(review_on_both)[:2] == [
        ("single sign-on", "role_changed", "zawadi: operator"),
        ("single sign-on", "user_added", "zawadi: reviewer"),
    ]


def test_a_session_that_was_undone_is_in_the_log(review: Review) -> None:
    review.ask("POST", "decisions", json={"decisions": [{"id": "d", "object_id": 1, "version": 1, "category": "Bag"}]})
    review.ask("POST", "sessions/1/undo", role="operator")

    assert logged(review)[0] == ("a-operator", "decisions_undone", "a-reviewer")


def test_only_administrators_see_the_log_or_the_way_to_it(review: Review) -> None:
    review.log_in("a-admin")
    assert 'href="/log"' in review.client.get("/account").text
    review.log_in("a-operator")
    assert 'href="/log"' not in review.client.get("/account").text
    assert review.client.get("/log").status_code == 403
