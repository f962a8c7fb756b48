"""Conditional requests: what is known is not sent again, and what has changed since is not written to."""

from __future__ import annotations

import pytest

from tests.review.clients import Review, decision


@pytest.mark.parametrize("path", ["objects", "objects/1", "objects/1/history", "status", "runs", "openapi.json"])
def test_an_answer_that_is_known_is_not_sent_again(review: Review, path: str) -> None:
    etag = review.ask("GET", path).headers["etag"]

    for given in (etag, f"W/{etag}", f'"another", {etag}', "*"):
        again = review.ask("GET", path, headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert review.ask("GET", path, headers={"If-None-Match": '"another"'}).status_code == 200


def test_an_answer_is_sent_anew_once_something_has_changed(review: Review) -> None:
    before = {path: review.ask("GET", path).headers["etag"] for path in ("objects", "objects/1", "objects/1/history")}
    review.decide(decision({"object_id": 1, "version": 1}))

    for path, etag in before.items():
        assert review.ask("GET", path, headers={"If-None-Match": etag}).status_code == 200


def test_nobody_without_a_token_learns_whether_something_has_changed(review: Review) -> None:
    etag = review.ask("GET", "objects/1").headers["etag"]

    assert review.client.get("/api/v1/objects/1", headers={"If-None-Match": etag}).status_code == 401


def test_a_picture_is_known_by_any_way_to_say_so(review: Review) -> None:
    etag = review.ask("GET", "/images/1/small").headers["etag"]

    for given in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        assert review.ask("GET", "/images/1/small", headers={"If-None-Match": given}).status_code == 304


def test_nothing_is_undone_or_written_if_the_image_is_another_version(review: Review) -> None:
    review.decide(decision({"object_id": 1, "version": 1}, id="mine"))
    comment = {"json": {"id": "c", "text": "what a dress"}}

    for path, body in (("decisions/mine/undo", {}), ("objects/1/comments", comment)):
        late = review.ask("POST", path, headers={"If-Match": '"1"'}, **body)
        assert (late.status_code, late.json()["status"]) == (412, 412)
        assert "its version is 2 now" in late.json()["detail"]
        assert review.tag(1)[0] == "Dress"
    assert review.ask("POST", "objects/1/comments", headers={"If-Match": '"2"'}, **comment).status_code == 204
    assert review.ask("POST", "decisions/mine/undo", headers={"If-Match": '"1", "2"'}).status_code == 200
    assert review.ask("POST", "decisions/none/undo", headers={"If-Match": '"2"'}).status_code == 404
