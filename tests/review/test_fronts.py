"""Fronts: a view is looked at from where it was found to begin, for a while, and as long as it fills screens."""

from __future__ import annotations

import pytest

from db.review.filters import Filters, Place
from review import fronts
from review.fronts import FRESH_S, Fronts
from review.parts import Parts
from tests.review.clients import Review

PLACE, LATER = Place(5000, 1, "a"), Place(5002, 3, "c")


def test_a_front_holds_for_a_while_and_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(fronts.time, "monotonic", lambda: now[0])
    known = Fronts()

    known.note(Filters(), "single", PLACE)
    now[0] += FRESH_S / 2
    known.note(Filters(), "sweep", LATER)

    assert known.of(Filters(), "pair") == LATER
    assert known.of(Filters(), "product") is known.of(Filters(category="Shirt"), "single") is None
    now[0] += FRESH_S / 2
    assert known.of(Filters(), "single") is None  # since the first was noted, all was looked at too long ago


def test_screens_note_fronts_and_what_is_given_back_is_given_out_again(review: Review) -> None:
    parts: Parts = review.client.app.state.parts  # type: ignore[attr-defined]
    first = review.screen(mode="single", limit=2)
    second = review.screen(mode="single", limit=2)
    place = parts.fronts.of(Filters(), "single")
    given = [[item["object_id"] for item in screen["items"]] for screen in (first, second)]

    review.ask("DELETE", f"screens/{first['id']}")

    assert given == [review.ids[:2], review.ids[2:4]]
    assert place is not None
    assert place.object_id == review.ids[2]
    assert parts.fronts.of(Filters(), "single") is None
    assert [item["object_id"] for item in review.screen(mode="single", limit=1)["items"]] == review.ids[:1]


def test_what_fills_no_screen_has_no_front(review: Review) -> None:
    parts: Parts = review.client.app.state.parts  # type: ignore[attr-defined]
    review.screen(mode="single", limit=len(review.ids) - 1)
    assert parts.fronts.of(Filters(), "single") is not None

    assert len(review.screen(mode="single", limit=5)["items"]) == 1

    assert parts.fronts.of(Filters(), "single") is None
