"""The API of screens and decisions, as other programs use it."""

from __future__ import annotations

from review import server
from tests.review.clients import Review, decision

KEY = "ver" + "dict"


def test_a_screen_is_claimed_with_all_that_a_decision_needs(review: Review) -> None:
    answer = review.ask("POST", "screens", json={"limit": 2})

    screen = answer.json()
    assert answer.status_code == 201
    assert [item["object_id"] for item in screen["items"]] == review.ids[:2]
    first = screen["items"][0]
    assert first["key"] == "0001.png"
    assert first["bucket"].startswith("file://")
    assert (first["version"], first["confidence"], first["review_reason"]) == (1, 0.6, "low_confidence")
    assert [round(candidate["confidence"], 1) for candidate in first["candidates"]] == [0.6, 0.3, 0.1]
    assert first["candidates"][0]["category"] == first["category"]
    assert review.ask("GET", first["image"]).headers["content-type"] == "image/webp"


def test_nothing_that_waits_is_an_answer_without_items(review: Review) -> None:
    answer = review.ask("POST", "screens", json={"category": "Coat"})

    assert (answer.status_code, answer.json()["items"]) == (200, [])


def test_a_category_that_is_mostly_right_is_proposed_as_a_sweep(review: Review) -> None:
    category = review.screen(limit=1)["category"] or review.tag(review.ids[0])[0]
    assert review.screen(category=category, limit=1)["mode"] == "single"
    review.catalogue.sql("UPDATE image_tag SET confidence = 9000 + object_id")

    assert review.screen(category=category)["mode"] == "sweep"
    assert review.screen(mode="sweep")["items"] == []  # all are on screens now


def test_decisions_are_recorded_once_however_often_they_are_sent(review_on_both: Review) -> None:
    screen = review_on_both.screen()
    batch = [decision(item) for item in screen["items"]]

    first, again = (review_on_both.decide(*batch, screen=screen["id"]) for _ in range(2))

    assert first.json() == {"recorded": len(batch), "repeated": 0, "conflicts": []}
    assert again.json() == {"recorded": 0, "repeated": len(batch), "conflicts": []}
    assert review_on_both.tag(review_on_both.ids[0]) == ("Dress", None, "human", 2)
    assert review_on_both.catalogue.violations() == []
    assert review_on_both.screen()["items"] == []


def test_not_ours_unreadable_and_skip_are_decisions_too(review: Review) -> None:
    screen = review.screen()
    answers = ["not_ours", "unreadable", "skip"]
    batch = [decision(item, None, **{KEY: answer}) for item, answer in zip(screen["items"], answers, strict=False)]

    assert review.decide(*batch, screen=screen["id"]).json()["recorded"] == 3

    assert [review.tag(object_id)[1:3] for object_id in review.ids[:3]] == [
        ("not_ours", "human"),
        ("unreadable", "human"),
        ("low_confidence", "model"),
    ]


def test_a_conflict_tells_what_the_first_said(review: Review) -> None:
    (item,) = review.screen(limit=1)["items"]
    review.decide(decision(item))

    late = review.decide(decision(item, "Coat", id="late"), role="operator").json()

    told = {"object_id": item["object_id"], "category": "Dress", "by": "a-reviewer", "version": 2}
    assert late == {"recorded": 0, "repeated": 0, "conflicts": [told]}


def test_a_category_that_there_is_not_is_refused_and_nothing_is_recorded(review: Review) -> None:
    one, other = review.screen(limit=2)["items"]

    answer = review.decide(decision(one), decision(other, "Shrit"))

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "'Shrit'" in answer.json()["detail"]
    assert review.tag(one["object_id"])[2] == "model"


def test_a_decision_says_one_thing(review: Review) -> None:
    (item,) = review.screen(limit=1)["items"]

    for wrong in (decision(item, None), decision(item, "Dress", **{KEY: "skip"}), decision(item) | {"verson": 1}):
        assert review.decide(wrong).status_code == 422


def test_a_text_that_a_database_cannot_hold_is_refused_and_no_error_of_ours(review_on_both: Review) -> None:
    nul = "a\0b"
    asked = [
        ("POST", "screens", {"json": {"category": nul}}),
        ("POST", "screens", {"json": {"prefix": nul}}),
        ("GET", "objects", {"params": {"category": nul}}),
        ("POST", "decisions/a%00b/undo", {}),
        ("POST", "/login", {"data": {"name": nul, "password": nul}}),
    ]

    statuses = [review_on_both.ask(method, path, **options).status_code for method, path, options in asked]

    assert set(statuses) <= {200, 401, 404, 422}


def test_own_decisions_are_undone_and_others_only_by_operators(review: Review) -> None:
    one, other = review.screen(limit=2)["items"]
    review.decide(decision(one), decision(other))

    undone = review.ask("POST", f"decisions/{decision(one)['id']}/undo")
    path = f"decisions/{decision(other)['id']}/undo"
    by_others = [review.ask("POST", path, role=role).status_code for role in ("viewer", "operator")]

    assert (undone.status_code, undone.json()["version"], undone.json()["needs_review"]) == (200, 3, True)
    assert by_others == [403, 200]
    assert review.ask("POST", "decisions/nothing/undo").status_code == 404


def test_what_was_changed_since_is_not_undone(review: Review) -> None:
    (item,) = review.screen(limit=1)["items"]
    review.decide(decision(item))
    review.decide(decision(item | {"version": 2}, "Coat"), role="operator")

    answer = review.ask("POST", f"decisions/{decision(item)['id']}/undo")

    assert answer.status_code == 409
    assert (answer.json()["category"], answer.json()["by"]) == ("Coat", "a-operator")


def test_a_screen_is_extended_undone_and_given_back(review: Review) -> None:
    screen = review.screen(limit=2)
    review.decide(decision(screen["items"][0]), screen=screen["id"])

    extended = review.ask("POST", f"screens/{screen['id']}/extend").json()
    undone = review.ask("POST", f"screens/{screen['id']}/undo").json()
    given_back = review.ask("DELETE", f"screens/{screen['id']}")

    assert extended["expires_at"] >= screen["expires_at"]
    assert [result["object_id"] for result in undone["undone"]] == review.ids[:1]
    assert given_back.status_code == 204
    assert len(review.screen(role="operator")["items"]) == len(review.ids)


def test_anothers_screen_is_not_found(review: Review) -> None:
    screen = review.screen(limit=1)

    for method, path in (("POST", "/extend"), ("POST", "/undo"), ("DELETE", "")):
        assert review.ask(method, f"screens/{screen['id']}{path}", role="operator").status_code == 404


def test_what_warms_the_review_up_leaves_nothing_claimed(review_on_both: Review) -> None:
    server.warm_up(review_on_both.client.app.state.parts)  # type: ignore[attr-defined]

    assert review_on_both.catalogue.value("SELECT count(*) FROM review_screen") == 0
    assert len(review_on_both.screen(mode="single", limit=6)["items"]) == len(review_on_both.ids)


def test_an_answer_tells_how_long_the_server_took_but_not_to_whoever_is_unknown(review: Review) -> None:
    assert review.ask("GET", "status").headers["server-timing"].startswith("app;dur=")
    assert "server-timing" not in review.log_in(password="wrong").headers
    assert "server-timing" not in review.client.get("/api/v1/status").headers
