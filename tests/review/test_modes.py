"""Modes: what the server proposes, and how a screen of each mode is made."""

from __future__ import annotations

import pytest

from db.review.decisions import Reviewer, record as record_decisions
from db.review.items import Given
from tests.review.clients import Review, decision

NAMES = ("T-shirt/top", "Trouser", "Pullover")


def names(review: Review) -> list[str]:
    listed: list[str] = review.client.app.state.parts.categories.names()  # type: ignore[attr-defined]
    return listed


@pytest.mark.parametrize(("sure", "mode"), [(9500, "sweep"), (7000, "pair"), (4000, "single")])
def test_the_mode_follows_from_how_sure_the_model_is(
    review: Review, sure: int, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("review.proposals._FEWEST_OF_PAIR", 4)
    review.catalogue.sql("UPDATE image_tag SET confidence = :sure", sure=sure)

    screen = review.screen()

    first, second = names(review)[:2]
    assert (screen["mode"], len(screen["items"])) == (mode, len(review.ids))
    assert screen["category"] == (first if mode == "sweep" else None)
    assert screen["pair"] == (sorted((first, second)) if mode == "pair" else None)


def test_a_pair_is_what_people_corrected_most_as_long_as_it_waits(review_on_both: Review) -> None:
    first, coat = names(review_on_both)[0], "Coat"
    given = Given("d", review_on_both.ids[0], 1, "category", coat)
    with review_on_both.catalogue.sessions.begin() as session:
        record_decisions(session, Reviewer(1, "a-viewer"), [given])

    screen = review_on_both.screen(mode="pair")

    assert screen["pair"] == sorted((first, coat))
    assert review_on_both.catalogue.value("SELECT mode FROM review_screen") == "pair"


def test_a_pair_is_sorted_from_surely_the_first_to_surely_the_second(review_on_both: Review) -> None:
    first, second = names(review_on_both)[:2]
    review_on_both.catalogue.sql("UPDATE image_tag SET category = :name WHERE object_id % 2 = 0", name=second)

    items = review_on_both.screen(mode="pair", pair=[first, second])["items"]

    categories = [item["category"] for item in items]
    assert categories == sorted(categories, key=[first, second].index)
    sure = [item["confidence"] for item in items if item["category"] == first]
    assert sure == sorted(sure, reverse=True)


def test_a_sweep_shows_the_most_unusual_first(review_on_both: Review) -> None:
    review_on_both.catalogue.sql("UPDATE classification SET ood_score = object_id WHERE object_id <> :id", id=3)

    items = review_on_both.screen(mode="sweep")["items"]

    assert [item["object_id"] for item in items] == [*[id for id in reversed(review_on_both.ids) if id != 3], 3]


def test_one_decision_about_a_product_is_a_row_and_an_event_for_each_photograph(review_on_both: Review) -> None:
    review_on_both.catalogue.sql("UPDATE source_object SET product_id = 'p' || (id % 2)")
    screen = review_on_both.screen(mode="product", limit=1)
    assert {item["product_id"] for item in screen["items"]} == {screen["items"][0]["product_id"]}

    review_on_both.decide(*(decision(item) for item in screen["items"]), screen=screen["id"])

    assert review_on_both.catalogue.sql("SELECT how, count(*) FROM decision GROUP BY how") == [("product", 3)]
    assert review_on_both.catalogue.value("SELECT count(*) FROM tag_event WHERE actor LIKE 'person:%'") == 3
    assert review_on_both.catalogue.violations() == []


def test_near_identical_pictures_have_the_number_of_one_cell(review: Review) -> None:
    copies, other = review.ids[:3], review.ids[3]
    review.catalogue.sql("UPDATE classification SET fingerprint = :bits WHERE object_id <= :id", bits=b"x", id=other)
    review.catalogue.sql("UPDATE classification SET fingerprint = :bits WHERE object_id = :id", bits=b"\x87", id=other)

    items = review.screen(mode="product")["items"]

    assert [(item["object_id"], item["stack"]) for item in items] == [(copy, copies[0]) for copy in copies]
    assert review.screen(mode="single")["items"][0]["stack"] is None


@pytest.mark.parametrize(
    ("wanted", "count"),
    [({"age": "day"}, 5), ({"age": "older"}, 1), ({"product": "p"}, 2), ({"prefix": "0003"}, 1), ({"run": 1}, 6)],
)
def test_screens_are_filtered(review_on_both: Review, wanted: dict[str, object], count: int) -> None:
    catalogue, ids = review_on_both.catalogue, review_on_both.ids
    catalogue.sql("UPDATE image_tag SET tagged_at = '2020-01-01' WHERE object_id = :id", id=ids[0])
    catalogue.sql("UPDATE source_object SET product_id = 'p' WHERE id <= :id", id=ids[1])

    assert len(review_on_both.screen(mode="single", **wanted)["items"]) == count
