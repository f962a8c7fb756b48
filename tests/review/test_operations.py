"""Operations in the browser and by the API: the same functions as the command's, asked for twice and with a reason."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.review.clients import SAME_ORIGIN, Review
from worker.operations import control


def post(review: Review, path: str, **fields: Any) -> str:
    """Send a form; returns where it leads."""
    answer = review.client.post(path, data=fields, headers=SAME_ORIGIN)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_a_run_is_paused_noted_resumed_and_cancelled_without_scripts(review: Review) -> None:
    review.catalogue.items("waits.jpg")
    review.log_in("a-operator")
    asked = review.client.get("/runs/1/pause").text

    post(review, "/runs/1/pause", why="the store is slow")
    shown = review.client.get(post(review, "/runs/1/note", text="call <them>")).text
    post(review, "/runs/1/resume")
    post(review, "/runs/1/cancel")

    assert "It touches 1 image." in asked
    assert "the store is slow" in shown
    assert "call &lt;them&gt;" in shown
    assert review.catalogue.value("SELECT state FROM run") == "cancelled"
    actors = review.catalogue.sql("SELECT actor, action FROM run_note ORDER BY id")
    assert [tuple(row) for row in actors] == [
        ("person:a-operator", action) for action in ("paused", "note", "resumed", "cancelled")
    ]
    assert review.catalogue.violations() == []


def test_many_images_are_touched_only_for_a_reason(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    review.catalogue.items("waits.jpg")
    review.log_in("a-operator")
    monkeypatch.setattr(control, "ASKED_FROM", 0)

    by_page = review.client.post("/runs/1/cancel", data={"why": " "}, headers=SAME_ORIGIN)
    by_api = review.ask("POST", "runs/1/cancel", role="operator")

    assert (by_page.status_code, by_api.status_code) == (422, 422)
    assert "say why" in by_api.json()["detail"]
    assert review.catalogue.value("SELECT state FROM run") == "running"


def test_a_plan_is_looked_at_and_opened_once(review_on_both: Review) -> None:
    review = review_on_both
    review.catalogue.sql("UPDATE run SET state = 'finished'")
    review.log_in("a-operator")

    plan = post(review, "/plans", what="low_confidence")
    shown = review.client.get(plan).text
    runs = [post(review, plan, why="a better model") for _ in range(2)]

    assert f"{len(review.ids)} images are to be classified again." in shown
    assert "Open this plan" in shown
    assert runs[0] == runs[1] == "/runs/2"
    assert review.catalogue.value("SELECT count(*) FROM work_item WHERE run_id = 2") == len(review.ids)
    assert "a better model" in review.client.get("/runs/2").text
    assert review.catalogue.violations() == []


def test_failures_are_retried_from_the_dashboard(review: Review) -> None:
    review.catalogue.items("a.jpg")
    review.catalogue.sql("UPDATE work_item SET state = 'skipped', reason = 'corrupt' WHERE state = 'pending'")
    review.catalogue.sql("UPDATE run SET state = 'finished'")
    review.log_in("a-operator")

    plan = post(review, "/plans", what="failed", reason="corrupt")

    assert "1 image is to be classified again." in review.client.get(plan).text


def test_a_run_is_undone_and_the_undo_shown(review: Review) -> None:
    review.catalogue.sql("UPDATE run SET state = 'finished', finished_at = created_at")
    review.log_in("a-operator")
    asked = review.client.get("/runs/1/undo").text

    undo = post(review, "/runs/1/undo", why="the wrong model")

    assert f"It touches {len(review.ids)} images." in asked
    assert re.search(r"withdrawn</dt><dd>6<", review.client.get(undo).text)
    assert review.catalogue.value("SELECT count(*) FROM image_tag") == 0


def test_the_nights_are_paused_and_resumed(review: Review) -> None:
    review.log_in("a-operator")

    post(review, "/schedule/pause", why="stocktaking")
    paused = review.catalogue.sql("SELECT actor, why FROM schedule_pause WHERE resumed_at IS NULL")
    post(review, "/schedule/resume")

    assert [tuple(row) for row in paused] == [("person:a-operator", "stocktaking")]
    assert review.catalogue.value("SELECT resumed_by FROM schedule_pause") == "person:a-operator"


def test_programs_make_plans_and_open_them(review: Review) -> None:
    review.catalogue.sql("UPDATE run SET state = 'finished'")

    made = review.ask("POST", "plans", role="operator", json={"low_confidence": True, "categories": ["T-shirt/top"]})
    plan = made.json()
    opened = [review.ask("POST", "runs", role="operator", json={"plan": plan["plan"]}) for _ in range(2)]

    assert (made.status_code, plan["images"], plan["human_left_alone"]) == (201, len(review.ids), 0)
    assert [answer.status_code for answer in opened] == [201, 200]
    assert opened[0].json() == opened[1].json() | {"state": opened[0].json()["state"]}
    assert review.ask("GET", f"plans/{plan['plan']}", role="viewer").json() == plan


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("plans", {}, 422),
        ("plans", {"categories": ["Hat"]}, 422),
        ("plans", {"failed": True, "reasons": ["tired"]}, 422),
        ("plans", {"everything": True, "since": "soon"}, 422),
        ("plans", {"everything": True, "model": "../../bundle"}, 422),
        ("plans", {"everything": True, "model": "nobody-has-it"}, 422),
        ("runs", {"plan": "P-none"}, 404),
    ],
)
def test_what_there_is_not_is_refused(review: Review, path: str, body: dict[str, Any], status: int) -> None:
    answer = review.ask("POST", path, role="operator", json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert review.catalogue.value("SELECT count(*) FROM run") == 1


def test_viewers_see_runs_and_plans_without_buttons(review: Review) -> None:
    plan = review.ask("POST", "plans", role="operator", json={"everything": True}).json()["plan"]
    review.log_in("a-viewer")

    for path in ("/runs", "/runs/1", f"/plans/{plan}"):
        page = review.client.get(path).text
        assert "<button" not in page, path
        assert "/pause" not in page, path
    assert review.client.get("/runs/1/pause", headers=SAME_ORIGIN).status_code == 403
    assert review.client.get("/plans/new", headers=SAME_ORIGIN).status_code == 403


def test_programs_pause_the_nights_note_runs_and_see_failures(review: Review) -> None:
    review.catalogue.items("a.jpg")
    review.catalogue.sql("UPDATE work_item SET state = 'skipped', reason = 'corrupt' WHERE state = 'pending'")
    later, over = "2999-01-01T00:00:00Z", "2000-01-01T00:00:00Z"

    refused = review.ask("POST", "schedule/pause", role="operator", json={"why": "stocktaking", "until": over})
    paused = review.ask("POST", "schedule/pause", role="operator", json={"why": "stocktaking", "until": later}).json()
    resumed = review.ask("POST", "schedule/resume", role="operator").json()
    noted = review.ask("POST", "runs/1/note", role="operator", json={"text": "the lens is dirty"})

    assert refused.status_code == 422
    assert (paused["paused"]["why"], paused["paused"]["by"], resumed["paused"]) == ("stocktaking", "a-operator", None)
    assert review.ask("GET", "schedule", role="viewer").json()["cron"] == "0 2 * * *"
    assert noted.status_code == 204
    assert review.ask("GET", "runs/1", role="viewer").json()["notes"][-1]["text"] == "the lens is dirty"
    (failure,) = review.ask("GET", "failures", role="viewer").json()
    assert (failure["reason"], failure["images"]) == ("corrupt", 1)
    assert failure["remedy"]


def test_a_run_leads_to_the_images_it_has_tagged_and_flagged(review: Review) -> None:
    for role, shown in (("reviewer", True), ("viewer", False)):
        review.log_in(f"a-{role}")
        page = review.client.get("/runs/1").text
        assert ('"/screen?run=1&amp;unflagged=1"' in page) == ('"/screen?run=1"' in page) == shown
