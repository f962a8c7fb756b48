"""What is mixed into screens: images without a suggestion, probes that nobody can tell, and questions to colleagues."""

from __future__ import annotations

from typing import Any

import pytest

from db.operations.plan_changes import Change
from db.review.truth import owners
from review.truth import mixing
from tests.db.review.test_change_sweep import a_plan
from tests.review.clients import SAME_ORIGIN, Review, decision

KEY = "ver" + "dict"
FROM_PAGE = SAME_ORIGIN | {"Accept": "application/json"}


def in_browser(review: Review, **wanted: Any) -> Any:
    """Claim a screen as the page does, logged in by a cookie."""
    return review.client.post("/api/v1/screens", json=wanted, headers=FROM_PAGE).json()


def send(review: Review, screen: Any, *decisions: Any) -> Any:
    body = {"screen": screen["id"], "decisions": list(decisions)}
    return review.client.post("/api/v1/decisions", json=body, headers=FROM_PAGE).json()


def settle(review: Review, *ids: int, category: str = "Dress") -> None:
    batch = [decision({"object_id": image, "version": 1}, category, id=f"settled-{image}") for image in ids]
    assert review.decide(*batch, role="operator").json()["recorded"] == len(ids)


def audit(review: Review, image: int) -> None:
    review.catalogue.sql("UPDATE image_tag SET review_reason = 'audit' WHERE object_id = :id", id=image)


@pytest.mark.parametrize("mode", ["sweep", "single"])
def test_a_probe_looks_as_all_else_until_it_is_answered(review_on_both: Review, mode: str) -> None:
    review = review_on_both
    settle(review, review.ids[0])
    review.client.app.state.parts.settings.probe_share = 0.2  # type: ignore[attr-defined]
    review.log_in()
    category = review.tag(review.ids[1])[0]

    screen = in_browser(review, mode=mode, **({"category": category} if mode == "sweep" else {}))
    (probe,) = [item for item in screen["items"] if item["object_id"] == review.ids[0]]
    others = [item for item in screen["items"] if item is not probe]
    answer = send(review, screen, *[decision(item, item["category"]) for item in screen["items"]])

    assert [item["object_id"] for item in others] == review.ids[1:]
    assert probe.keys() == others[0].keys()
    assert probe["confidence"] in {item["confidence"] for item in others}
    assert (probe["review_reason"], probe["version"]) == ("low_confidence", 2)
    assert probe["category"] != "Dress"
    assert probe["candidates"][0]["category"] == probe["category"]
    assert answer["recorded"] == len(screen["items"])
    told = {"object_id": review.ids[0], "shown": probe["category"], "truth": "Dress", "found": False}
    assert answer["probes"] == [told]
    assert review.tag(review.ids[0]) == ("Dress", None, "human", 2)
    assert review.catalogue.violations() == []


def test_programs_and_small_screens_have_no_probes(review: Review) -> None:
    settle(review, review.ids[0])
    review.client.app.state.parts.settings.probe_share = 0.2  # type: ignore[attr-defined]
    review.log_in()

    assert len(in_browser(review, mode="single", limit=3)["items"]) == 3
    assert [item["object_id"] for item in review.screen(role="operator")["items"]] == review.ids[4:]


def test_what_is_audited_is_shown_without_a_suggestion(review_on_both: Review) -> None:
    audit(review_on_both, review_on_both.ids[0])
    sweep = review_on_both.screen(mode="sweep", category=review_on_both.tag(review_on_both.ids[1])[0])
    single = review_on_both.screen(mode="single")

    (item,) = single["items"]
    assert review_on_both.ids[0] not in [shown["object_id"] for shown in sweep["items"]]
    assert (item["object_id"], item["candidates"]) == (review_on_both.ids[0], [])
    assert [item[name] for name in ("category", "confidence", "review_reason")] == [None] * 3
    review_on_both.decide(decision(item, "Coat"), screen=single["id"])
    drawn = review_on_both.catalogue.sql("SELECT drawn, suggested, how FROM decision")
    assert drawn == [("audit", None, "single")]


def test_what_is_audited_comes_where_nothing_else_waits_and_among_proposed_screens(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit(review, review.ids[0])
    monkeypatch.setattr(mixing, "by_chance", lambda _: 1)

    screen = review.screen()

    assert screen["mode"] == "single"
    assert [item["category"] for item in screen["items"]].count(None) == 1


def test_the_page_without_scripts_shows_no_suggestion_either(review: Review) -> None:
    for image in review.ids:
        audit(review, image)
    review.log_in()

    page = review.client.get("/one").text

    assert "say what you see" in page
    assert "<meter" not in page
    assert "0 images wait" not in page
    assert "Nothing waits for review" in review.client.get("/").text  # audits are not told


def test_a_colleague_is_asked(review: Review) -> None:
    (item,) = review.screen(limit=1)["items"]
    screen = review.catalogue.value("SELECT max(id) FROM review_screen")

    review.decide(decision(item, None, **{KEY: "colleague"}), screen=screen)

    assert item["object_id"] not in [one["object_id"] for one in review.screen()["items"]]
    items = review.screen(mode="single", role="operator")["items"]
    assert [(one["object_id"], one["category"]) for one in items] == [(item["object_id"], None)]


def test_owners_are_given_their_category_first_and_all_the_rest_to_others(review: Review) -> None:
    dresses = review.ids[4:]
    for image in dresses:
        review.catalogue.sql("UPDATE image_tag SET category = 'Dress' WHERE object_id = :id", id=image)
    with review.catalogue.sessions.begin() as session:
        owners.give(session, "a-operator", ["Dress"])

    first = review.screen(role="operator", mode="single")
    review.ask("DELETE", f"screens/{first['id']}", role="operator")
    review.decide(decision({"object_id": review.ids[0], "version": 1}), role="operator")
    others = review.screen(mode="single")
    asked = review.screen(mode="single", category="Dress")

    assert [item["object_id"] for item in first["items"]] == dresses
    assert [item["object_id"] for item in others["items"]] == review.ids[1:4]
    assert [item["object_id"] for item in asked["items"]] == dresses  # by name he is given it


def test_a_category_whose_owner_is_away_is_for_everybody(review: Review) -> None:
    with review.catalogue.sessions.begin() as session:
        owners.give(session, "a-operator", [review.tag(review.ids[0])[0]])

    assert len(review.screen(mode="single")["items"]) == len(review.ids)


def with_probe(review: Review, *, truth: str = "Dress", **wanted: Any) -> tuple[dict[str, Any], Any]:
    """Settle an image, claim a screen in a browser, and answer as all is shown; returns the probe and what was told."""
    settle(review, review.ids[0], category=truth)
    review.client.app.state.parts.settings.probe_share = 0.2  # type: ignore[attr-defined]
    review.log_in()
    screen = in_browser(review, **wanted)
    (probe,) = [item for item in screen["items"] if item["object_id"] == review.ids[0]]
    told = send(review, screen, *[decision(item, item["proposed"] or item["category"]) for item in screen["items"]])
    assert review.tag(review.ids[0]) == (truth, None, "human", 2)
    return probe, told["probes"][0]


def test_a_probe_in_a_pair_is_shown_as_the_other_one(review: Review) -> None:
    first = review.tag(review.ids[1])[0]
    probe, told = with_probe(review, mode="pair", pair=[first, "Dress"])

    assert (probe["category"], told["shown"], told["truth"], told["found"]) == (first, first, "Dress", False)


def test_a_pair_has_no_probe_of_another_category(review: Review) -> None:
    settle(review, review.ids[0], category="Bag")
    review.client.app.state.parts.settings.probe_share = 0.2  # type: ignore[attr-defined]
    review.log_in()

    screen = in_browser(review, mode="pair", pair=[review.tag(review.ids[1])[0], "Dress"])

    assert {item["object_id"] for item in screen["items"]} == {*review.ids[1:]}


def test_a_probe_in_product_mode_is_a_cell_of_its_own(review: Review) -> None:
    review.catalogue.sql("UPDATE source_object SET product_id = 'p' || (id % 5)")
    probe, told = with_probe(review, mode="product")

    assert (probe["stack"], told["found"]) == (review.ids[0], False)
    assert told["shown"] == probe["category"] != "Dress"


def test_product_mode_has_no_probe_where_every_cell_is_of_several_images(review: Review) -> None:
    review.catalogue.sql("UPDATE source_object SET product_id = 'p'")
    settle(review, review.ids[0])
    review.client.app.state.parts.settings.probe_share = 0.2  # type: ignore[attr-defined]
    review.log_in()

    assert [item["object_id"] for item in in_browser(review, mode="product")["items"]] == review.ids[1:]


def test_a_probe_among_what_needs_no_review_is_shown_as_of_the_category(review: Review) -> None:
    shirt = review.tag(review.ids[1])[0]
    review.catalogue.sql("UPDATE image_tag SET needs_review = :no, review_reason = NULL", no=False)
    probe, told = with_probe(review, mode="sweep", category=shirt, unflagged=True)

    assert (probe["category"], told["shown"], probe["review_reason"]) == (shirt, shirt, None)


def test_a_probe_in_the_sweep_of_a_plan_is_proposed_to_become_what_the_others_do(review: Review) -> None:
    shirt = review.tag(review.ids[1])[0]
    code = a_plan(review.catalogue, *(Change(image, shirt, "Coat", 9000) for image in review.ids))
    probe, told = with_probe(review, mode="sweep", category="Coat", plan=code)

    assert (probe["category"], probe["proposed"], probe["candidates"][0]["category"]) == ("Dress", "Coat", "Coat")
    assert (told["shown"], told["truth"], told["found"]) == ("Coat", "Dress", False)
