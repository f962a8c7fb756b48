"""Pairs: which categories are confused is known from corrections, and either of two is claimed together."""

from __future__ import annotations

import pytest

from db.review import pairs
from db.review.filters import Filters
from tests.db.catalogues import Catalogue
from tests.db.review.reviewing import a_reviewer, claimed, decide, flagged, given, undo


def confused(catalogue: Catalogue) -> list[tuple[str, str, int]]:
    with catalogue.sessions() as session:
        return [(pair.first, pair.second, pair.corrections) for pair in pairs.confused(session)]


def test_pairs_are_counted_from_corrections_both_ways_and_without_what_was_undone(catalogue: Catalogue) -> None:
    amina = a_reviewer(catalogue)
    shirts, tees = flagged(catalogue, "a", "b"), flagged(catalogue, "c", "d", "e", category="T-shirt")
    decide(catalogue, amina, given(shirts[0], "T-shirt"), given(shirts[1], "Shirt"))
    decide(catalogue, amina, given(tees[0], "Shirt"), given(tees[1], "Dress"), given(tees[2], "Coat", key="wrong"))
    undo(catalogue, amina, "wrong")

    assert confused(catalogue) == [("Shirt", "T-shirt", 2), ("Dress", "T-shirt", 1)]


def test_blind_decisions_and_those_without_a_category_confuse_nothing(catalogue: Catalogue) -> None:
    ids = flagged(catalogue, "a", "b", "c")
    none = given(ids[0], None, outcome="not_ours")

    decide(catalogue, a_reviewer(catalogue), none, given(ids[1], blind=True), given(ids[2], None, outcome="skip"))

    assert confused(catalogue) == []


def test_only_the_last_decisions_are_counted(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = flagged(catalogue, "a", "b")
    amina = a_reviewer(catalogue)
    decide(catalogue, amina, given(ids[0], "Coat"))
    decide(catalogue, amina, given(ids[1], "Dress"))
    monkeypatch.setattr(pairs, "RECENT", 1)

    assert confused(catalogue) == [("Dress", "Shirt", 1)]


def test_a_pair_is_claimed_from_both_categories_with_the_least_certain_of_either_first(catalogue: Catalogue) -> None:
    shirts = flagged(catalogue, "a", "b", "c", start=5000)
    flagged(catalogue, "d", category="Bag", start=4000)
    tees = flagged(catalogue, "e", "f", category="T-shirt", start=5001)
    both = Filters(pair=("Shirt", "T-shirt"))

    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    assert claimed(catalogue, amina, both, limit=3) == [shirts[0], shirts[1], tees[0]]
    assert claimed(catalogue, juma, both) == [shirts[2], tees[1]]
