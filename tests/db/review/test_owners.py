"""Owners of categories: given their images first, and not kept from others when they are away."""

from __future__ import annotations

from db.review.filters import Filters
from db.review.truth import owners
from db.review.truth.owners import Turn
from tests.db.catalogues import LONG_AGO, Catalogue
from tests.db.review.reviewing import Reviewer, a_reviewer, claimed, decide, flagged, given

DAY = 86_400.0


def own(catalogue: Catalogue, reviewer: Reviewer, *categories: str) -> None:
    with catalogue.sessions.begin() as session:
        owners.give(session, reviewer.name, categories)


def turn(catalogue: Catalogue, reviewer: Reviewer) -> Turn:
    with catalogue.sessions.begin() as session:
        return owners.turn_of(session, reviewer.id, away_s=DAY)


def test_a_category_is_kept_for_owners_who_review_and_for_no_others(catalogue: Catalogue) -> None:
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    own(catalogue, amina, "Dress", "Shirt")
    away = turn(catalogue, juma)
    (image,) = flagged(catalogue, "a")
    decide(catalogue, amina, given(image))

    assert away == Turn((), frozenset())  # she has reviewed nothing yet
    assert turn(catalogue, juma) == Turn((), frozenset({"Dress", "Shirt"}))
    assert turn(catalogue, amina) == Turn(("Dress", "Shirt"), frozenset())
    own(catalogue, juma, "Shirt")
    assert turn(catalogue, juma) == Turn(("Shirt",), frozenset({"Dress"}))
    catalogue.sql("UPDATE review_session SET last_at = :then", then=LONG_AGO)
    assert turn(catalogue, juma).kept == frozenset()


def test_categories_are_taken_again_and_given_once(catalogue: Catalogue) -> None:
    amina = a_reviewer(catalogue)
    own(catalogue, amina, "Dress", "Shirt")
    own(catalogue, amina, "Dress")

    with catalogue.sessions.begin() as session:
        owners.take(session, "amina", ["Shirt"])
        assert list(owners.owners(session)) == [("amina", "Dress")]


def test_a_claim_among_categories_takes_the_least_certain_of_all_of_them(catalogue: Catalogue) -> None:
    shirts = flagged(catalogue, "a", "b", start=5000)
    coats = flagged(catalogue, "c", "d", category="Coat", start=4999)
    flagged(catalogue, "e", category="Bag", start=1)
    amina = a_reviewer(catalogue)

    some = claimed(catalogue, amina, Filters(among=("Coat", "Shirt")), limit=3)

    assert sorted(some) == sorted([coats[0], coats[1], shirts[0]])
    assert claimed(catalogue, amina, Filters(among=())) == []
    assert claimed(catalogue, amina, Filters(among=("Shirt",))) == [shirts[1]]
