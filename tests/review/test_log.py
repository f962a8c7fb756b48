"""The log: administrators see who logged in, who changed users, and what people did to runs, plans and nights."""

from __future__ import annotations

from db import promotions
from db.reporting import acts
from db.review import users
from db.schema import ModelVersion
from db.schema.vocabulary import CATALOGUE_ACTS, OTHER_ACTS, PEOPLE_ACTS, RUN_ACTS
from db.session import reading
from tests.review.clients import SAME_ORIGIN, Review
from tests.review.test_access import OPEN, routes
from tests.review.test_operations import post

OF_ITS_IMAGE = "the image's page tells it"
CHANGES_NOTHING = "it changes nothing"
ACTS = {
    **dict.fromkeys(("/login", "/oidc/callback"), "logged_in"),
    **dict.fromkeys(("/one", "/undo", "/api/v1/decisions", "/api/v1/decisions/1/undo"), OF_ITS_IMAGE),
    **dict.fromkeys(("/api/v1/objects/1/comments", "/api/v1/screens/1/undo"), OF_ITS_IMAGE),
    **dict.fromkeys(("/language", "/try", "/api/v1/classify"), CHANGES_NOTHING),
    **dict.fromkeys(("/api/v1/screens", "/api/v1/screens/1/extend", "/api/v1/screens/1"), CHANGES_NOTHING),
    **dict.fromkeys(("/plans", "/api/v1/plans"), "plan_made"),
    **dict.fromkeys(("/plans/P-1", "/api/v1/runs"), "run_opened"),
    **dict.fromkeys(("/sessions/1/undo", "/api/v1/sessions/1/undo"), "decisions_undone"),
    **{f"/api/v1/runs/1/{change}": f"run_{done}" for change, done in (("pause", "paused"), ("undo", "undone"))},
    **{f"/api/v1/runs/1/{change}": f"run_{done}" for change, done in (("resume", "resumed"), ("cancel", "cancelled"))},
    "/runs/1/pause": "run_paused",
    **dict.fromkeys(("/runs/1/note", "/api/v1/runs/1/note"), "run_noted"),
    **dict.fromkeys(("/plans/P-1/compare", "/api/v1/plans/P-1/compare"), CHANGES_NOTHING),
    **dict.fromkeys(("/schedule/pause", "/api/v1/schedule/pause"), "schedule_paused"),
    **dict.fromkeys(("/schedule/resume", "/api/v1/schedule/resume"), "schedule_resumed"),
    "/logout": "logged_out",
    "/password": "password_set",
    "/account/sessions/1/end": "session_ended",
}
"""What the log says of each route that may change something, or why it says nothing."""


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


def test_each_route_that_changes_something_is_in_the_log_or_has_a_reason(review: Review) -> None:
    known = {*PEOPLE_ACTS, *CATALOGUE_ACTS, *RUN_ACTS, *OTHER_ACTS, OF_ITS_IMAGE, CHANGES_NOTHING}
    open_to_all = {path for path in OPEN if path in ACTS}

    changing = {path for method, path in routes(review) if method not in ("GET", "HEAD")}

    assert changing | open_to_all == ACTS.keys()
    assert set(ACTS.values()) <= known


def test_plans_never_opened_nights_paused_and_models_promoted_are_in_the_log(review_on_both: Review) -> None:
    review = review_on_both
    review.catalogue.sql("UPDATE run SET state = 'finished', requested_by = 'scheduler'")
    review.log_in("a-operator")
    opened, left = (post(review, "/plans", what=what) for what in ("low_confidence", "everything"))
    post(review, opened, why="a better model")
    post(review, "/schedule/pause", why="stocktaking")
    post(review, "/schedule/resume")
    with review.catalogue.sessions.begin() as session:
        model = session.get_one(ModelVersion, review.catalogue.model_id)
        promotions.promote(session, promotions.standing(session, model.name), model, actor="person:amina")

    found = logged(review)
    rows = {(act, about) for _, act, about in found}

    assert ("schedule_paused", "stocktaking") in rows
    assert {("schedule_resumed", None), ("model_promoted", model.bundle_id)} < rows
    assert [act for _, act, _ in found].count("plan_made") == 1
    assert ("run_opened", f"reprocess:{opened.removeprefix('/plans/')}") in rows
    review.log_in("a-admin")
    page = review.client.get("/log").text
    assert f'<a href="{left}">' in page
    assert f'<a href="{opened}">' not in page


def test_who_logs_out_or_ends_a_session_is_in_the_log(review_on_both: Review) -> None:
    review = review_on_both
    review.log_in("a-viewer")
    review.log_in("a-viewer")
    for path in ("/account/sessions/1/end", "/account/sessions/1/end", "/logout", "/logout"):
        review.client.post(path, headers=SAME_ORIGIN)

    assert [row[:2] for row in logged(review)[:4]] == [
        *[("a-viewer", act) for act in ("logged_out", "session_ended", "logged_in", "logged_in")]
    ]


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

    assert logged(review)[0] == ("a-operator", "decisions_undone", "a-reviewer: 1 undone, 0 left")

    review.ask("POST", "sessions/1/undo", role="operator")  # of which nothing stands any more
    assert [act for _, act, _ in logged(review)].count("decisions_undone") == 1


def test_only_administrators_see_the_log_or_the_way_to_it(review: Review) -> None:
    review.log_in("a-admin")
    assert 'href="/log"' in review.client.get("/account").text
    review.log_in("a-operator")
    assert 'href="/log"' not in review.client.get("/account").text
    assert review.client.get("/log").status_code == 403
