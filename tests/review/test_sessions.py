"""Sessions of reviewing: their figures, and a whole careless one undone."""

from __future__ import annotations

from tests.review.clients import SAME_ORIGIN, Review, decision


def settle_all(review: Review) -> None:
    """Decide about every image, one of them twice, and undo one."""
    screen = review.screen()
    batch = [decision(item) for item in screen["items"]]
    assert review.decide(*batch, screen=screen["id"]).json()["recorded"] == len(review.ids)
    review.decide(decision({"object_id": review.ids[0], "version": 2}, "Coat"))
    review.decide(decision({"object_id": review.ids[1], "version": 2}, "Coat"))
    review.ask("POST", f"decisions/d-{review.ids[1]}-2/undo")


def test_a_whole_session_is_undone_and_images_decided_twice_are_as_they_were(review_on_both: Review) -> None:
    review = review_on_both
    before = [review.tag(image)[:3] for image in review.ids]
    settle_all(review)
    figures = review.ask("GET", "sessions/last").json()
    review.decide(decision({"object_id": review.ids[2], "version": 2}, "Bag", id="later"), role="operator")

    undone = review.ask("POST", f"sessions/{figures['id']}/undo").json()

    assert (figures["decisions"], figures["corrections"], figures["undone"]) == (7, 7, 1)
    assert undone == {"undone": 6, "conflicts": 1}
    assert review.tag(review.ids[2])[0] == "Bag"
    others = [place for place in range(6) if place != 2]
    assert [review.tag(review.ids[place])[:3] for place in others] == [before[place] for place in others]
    assert review.ask("GET", "sessions/last").json()["decisions"] == 1
    assert review.catalogue.violations() == []


def test_anothers_session_is_undone_by_operators_alone(review: Review) -> None:
    settle_all(review)
    session = review.ask("GET", "sessions/last").json()["id"]
    review.decide(decision({"object_id": review.ids[5], "version": 9}), role="admin")  # so that he has one, too
    assert review.ask("POST", f"sessions/{session}/undo", role="viewer").status_code == 403
    assert review.ask("GET", "sessions/last", role="operator").status_code == 404
    assert review.ask("POST", f"sessions/{session + 1}/undo").status_code == 404
    assert review.ask("POST", f"sessions/{session}/undo", role="operator").json()["undone"] == 7


def test_the_page_of_sessions_shows_own_ones_and_to_operators_all_in_the_order_of_time(review: Review) -> None:
    settle_all(review)
    review.log_in("a-operator")
    operators = review.client.get("/sessions").text
    review.log_in()

    page = review.client.get("/sessions").text
    answer = review.client.post("/sessions/1/undo", headers=SAME_ORIGIN)

    assert "a-reviewer" in operators
    assert "Undo all" in page
    assert (answer.status_code, answer.headers["location"]) == (303, "/sessions")
    assert "Undo all" not in review.client.get("/sessions").text
