"""Screens: nobody holds what another holds, and nothing stays with somebody who has left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from db.review import screens
from db.review.filters import Filters
from db.review.screens import NoSuchScreen
from tests.db.catalogues import LONG_AGO, Catalogue
from tests.db.review.reviewing import a_reviewer, claim, claimed, decide, flagged, given, undo


def test_a_screen_holds_what_is_least_certain_with_all_that_is_shown_of_it(catalogue: Catalogue) -> None:
    ids = flagged(catalogue, "b.jpg", "a.jpg", "c.jpg")

    screen = claim(catalogue, a_reviewer(catalogue), limit=2)

    assert screen is not None
    assert [item.object_id for item in screen.items] == ids[:2]
    first = screen.items[0]
    assert (first.key, first.category, first.confidence, first.version) == ("b.jpg", "Shirt", 5000, 1)
    assert (first.review_reason, first.scores) == ("low_confidence", [5000, 5000])


def test_two_reviewers_are_never_given_one_image(catalogue: Catalogue) -> None:
    ids = flagged(catalogue, *"abcd")
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")

    assert claimed(catalogue, amina, limit=3) == ids[:3]
    assert claimed(catalogue, juma, limit=3) == ids[3:]
    assert claim(catalogue, amina) is None
    assert catalogue.value("SELECT count(*) FROM review_screen") == 2


def test_reviewers_who_claim_at_once_are_never_given_one_image(postgres_catalogue: Catalogue) -> None:
    ids = flagged(postgres_catalogue, *[f"{number:02}" for number in range(40)])
    reviewers = [a_reviewer(postgres_catalogue, name) for name in "abcdef"]

    with ThreadPoolExecutor(6) as pool:
        given_out = [
            object_id
            for _ in range(4)
            for some in pool.map(lambda reviewer: claimed(postgres_catalogue, reviewer, limit=3), reviewers)
            for object_id in some
        ]

    assert len(given_out) == len(set(given_out))
    assert set(given_out) <= set(ids)


def test_a_claim_skips_what_another_transaction_holds(postgres_catalogue: Catalogue) -> None:
    ids = flagged(postgres_catalogue, "a", "b")
    with postgres_catalogue.sessions.begin() as session:
        session.execute(text("SELECT 1 FROM image_tag WHERE object_id = :id FOR UPDATE"), {"id": ids[0]})

        assert claimed(postgres_catalogue, a_reviewer(postgres_catalogue)) == ids[1:]


def test_a_claim_that_has_ended_is_anybodys(catalogue: Catalogue) -> None:
    ids = flagged(catalogue, "a")
    assert claim(catalogue, a_reviewer(catalogue), hold_s=-1) is not None

    assert claimed(catalogue, a_reviewer(catalogue, "juma")) == ids


def test_an_extended_screen_is_held_on(catalogue: Catalogue) -> None:
    flagged(catalogue, "a")
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    screen = claim(catalogue, amina, hold_s=-1)
    assert screen is not None

    with catalogue.sessions.begin() as session:
        assert screens.extend(session, screen.id, amina.id) > screen.expires_at

    assert claimed(catalogue, juma) == []


def test_a_screen_that_is_given_back_is_free_at_once(catalogue: Catalogue) -> None:
    ids = flagged(catalogue, "a", "b")
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    screen = claim(catalogue, amina)
    assert screen is not None

    with catalogue.sessions.begin() as session:
        assert screens.release(session, screen.id, amina.id) == 2

    assert claimed(catalogue, juma) == ids


def test_nobody_extends_or_gives_back_anothers_screen(catalogue: Catalogue) -> None:
    flagged(catalogue, "a")
    screen = claim(catalogue, a_reviewer(catalogue))
    juma = a_reviewer(catalogue, "juma")
    assert screen is not None

    for change in (screens.extend, screens.release):
        with pytest.raises(NoSuchScreen, match="ask for a new one"), catalogue.sessions.begin() as session:
            change(session, screen.id, juma.id)


@pytest.mark.parametrize(
    ("filters", "keys"),
    [
        (Filters(category="Bag"), ["bags/1"]),
        (Filters(reason="unlike_training"), []),
        (Filters(reason="low_confidence", category="Shirt"), ["shirts/1", "shirts_2"]),
        (Filters(prefix="shirts_"), ["shirts_2"]),
        (Filters(run=1), ["bags/1", "shirts/1", "shirts_2"]),
        (Filters(run=2), []),
    ],
)
def test_filters_choose_what_is_claimed(catalogue: Catalogue, filters: Filters, keys: list[str]) -> None:
    flagged(catalogue, "shirts/1", "shirts_2")
    flagged(catalogue, "bags/1", category="Bag", start=4000)

    screen = claim(catalogue, a_reviewer(catalogue), filters)

    assert [item.key for item in screen.items] == keys if screen else keys == []


def test_what_is_gone_or_certain_is_on_no_screen(catalogue: Catalogue) -> None:
    ids = flagged(catalogue, "gone", "here")
    catalogue.items("certain")
    catalogue.record(catalogue.claim())
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE key = 'gone'", then=LONG_AGO)

    assert claimed(catalogue, a_reviewer(catalogue)) == ids[1:]


def test_a_skipped_image_is_for_others_until_the_skip_is_undone(catalogue: Catalogue) -> None:
    ids = flagged(catalogue, "a", "b")
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    screen = claim(catalogue, amina, limit=1)
    assert screen is not None
    skip = given(ids[0], None, outcome="skip", screen_id=screen.id)

    assert decide(catalogue, amina, skip).recorded == [skip.key]

    assert claimed(catalogue, amina) == ids[1:]
    assert claimed(catalogue, juma, limit=1) == ids[:1]
    assert catalogue.value("SELECT count(*) FROM tag_event") == 2  # a skip makes none
    undo(catalogue, amina, skip.key)
    catalogue.sql("DELETE FROM review_claim")
    assert claimed(catalogue, amina) == ids


def test_what_waits_is_counted_by_category_and_reason(catalogue: Catalogue) -> None:
    flagged(catalogue, "a", "b")
    flagged(catalogue, "c", category="Bag")

    with catalogue.sessions() as session:
        rows = [tuple(row) for row in screens.waiting(session)]

    assert [(row[0], row[1], row[2], float(row[3])) for row in rows] == [
        ("Shirt", "low_confidence", 2, 5000.5),
        ("Bag", "low_confidence", 1, 5000.0),
    ]
