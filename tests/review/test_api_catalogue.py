"""The API of images, status, runs and classification."""

from __future__ import annotations

import pytest

from tests.conftest import SAMPLES
from tests.review.clients import Review, decision


def test_images_are_listed_page_by_page_without_gaps(review_on_both: Review) -> None:
    for wanted in ({}, {"needs_review": "true"}, {"category": review_on_both.tag(review_on_both.ids[0])[0]}):
        found: list[int] = []
        cursor: dict[str, str] = {}
        while True:
            page = review_on_both.ask("GET", "objects", role="viewer", params={"limit": 4} | wanted | cursor).json()
            found += [row["object_id"] for row in page["items"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert found == review_on_both.ids

    assert review_on_both.ask("GET", "objects", params={"needs_review": "false"}).json()["items"] == []
    assert review_on_both.ask("GET", "objects", params={"cursor": "x"}).status_code == 422


def test_an_image_has_an_etag_and_a_history_of_all_that_happened(review_on_both: Review) -> None:
    (item,) = review_on_both.screen(limit=1)["items"]
    review_on_both.decide(decision(item))

    one = review_on_both.ask("GET", f"objects/{item['object_id']}")
    history = review_on_both.ask("GET", f"objects/{item['object_id']}/history").json()

    assert one.headers["etag"] == '"2"'
    assert (one.json()["category"], one.json()["source"]) == ("Dress", "human")
    assert [event["by"] for event in history["events"]] == ["run:1", "a-reviewer"]
    (work,) = history["versions"]
    assert (work["run"], work["kind"], work["state"], work["requested_by"]) == (1, "scan", "done", "amina")
    assert [result["category"] for result in history["classifications"]] == [item["category"]]
    assert [(made["by"], made["suggested"]) for made in history["decisions"]] == [("a-reviewer", item["category"])]
    assert review_on_both.ask("GET", "objects/987").status_code == 404


def test_status_is_what_the_command_says(review_on_both: Review) -> None:
    status = review_on_both.ask("GET", "status", role="viewer").json()

    assert status["items"]["done"] == len(review_on_both.ids)


def test_operators_pause_resume_and_cancel_runs(review: Review) -> None:
    answers = [
        review.ask("POST", "runs/1/" + change, role="operator", json={"why": "the store is slow"}).json()
        for change in ("pause", "pause", "resume", "cancel")
    ]

    assert [(answer["state"], answer["changed"]) for answer in answers] == [
        ("paused", True),
        ("paused", False),
        ("running", True),
        ("cancelled", True),
    ]
    assert review.ask("GET", "runs").json()["items"][0]["state"] == "cancelled"
    assert review.ask("POST", "runs/1/pause", role="operator").status_code == 409
    assert review.ask("POST", "runs/77/pause", role="operator").status_code == 404
    assert review.ask("POST", "runs/1/resume").status_code == 403


def test_operators_undo_runs_and_what_people_decided_since_is_left(review: Review) -> None:
    (item,) = review.screen(limit=1)["items"]
    review.decide(decision(item))
    review.catalogue.sql("UPDATE run SET state = 'finished'")

    undone = review.ask("POST", "runs/1/undo", role="operator", json={"why": "wrong model"}).json()

    assert (undone["restored"], undone["left_human"]) == (len(review.ids) - 1, 1)
    assert review.tag(item["object_id"])[0] == "Dress"


def test_a_photograph_is_classified_as_by_the_command(review: Review) -> None:
    data = (SAMPLES / "0001.png").read_bytes()

    as_body = review.ask("POST", "classify", role="viewer", content=data).json()
    as_form = review.ask("POST", "classify", role="viewer", files={"file": ("0001.png", data)}).json()

    assert as_form["file"] == "0001.png"
    assert as_form | {"file": ""} == as_body
    assert as_body["category"] in as_body["best"]
    assert as_body["model"].startswith("fashion-mnist@")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "unsupported_format"),
        (b"<!doctype html><script>alert(1)</script>", "unsupported_format"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "corrupt"),
    ],
)
def test_what_is_no_photograph_is_refused_with_its_reason(review: Review, data: bytes, error: str) -> None:
    answer = review.ask("POST", "classify", content=data)

    assert (answer.status_code, answer.json()["error"]) == (422, error)
