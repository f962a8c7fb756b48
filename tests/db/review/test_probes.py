"""Probes: settled images with a wrong category, which change nothing but what is known of a session."""

from __future__ import annotations

import pytest

from db.review import undoing
from db.review.decisions import Recorded, Reviewer
from db.review.truth import probes, sittings
from db.review.truth.probes import Checked
from tests.db.catalogues import LONG_AGO, Catalogue
from tests.db.review.reviewing import TAG, a_reviewer, claim, decide, flagged, given, undo


def a_probe(catalogue: Catalogue, reviewer: Reviewer, key: str = "settled") -> tuple[int, int]:
    """Settle an image as a dress, and put it on a new screen as a shirt; returns the ids of both."""
    (image,) = flagged(catalogue, key)
    decide(catalogue, reviewer, given(image, "Dress", key=f"settled-{image}"))
    flagged(catalogue, f"waits-{key}")
    screen = claim(catalogue, reviewer)
    assert screen is not None
    with catalogue.sessions.begin() as session:
        probes.show(session, screen.id, reviewer.id, [(image, "Shirt", "Dress")])
    return image, screen.id


def answer(catalogue: Catalogue, reviewer: Reviewer, category: str | None, **fields: object) -> tuple[int, Recorded]:
    image, screen = a_probe(catalogue, reviewer)
    return image, decide(
        catalogue, reviewer, given(image, category, version=2, screen_id=screen, how="sweep", **fields)
    )


@pytest.mark.parametrize(
    ("category", "outcome", "found"),
    [
        ("Shirt", "category", False),
        ("Dress", "category", True),
        ("Coat", "category", True),
        (None, "not_ours", True),
        (None, "skip", None),
    ],
)
def test_a_probe_tells_whether_it_was_noticed_and_changes_no_tag(
    catalogue: Catalogue, category: str | None, outcome: str, found: bool | None
) -> None:
    image, result = answer(catalogue, a_reviewer(catalogue), category, outcome=outcome)

    assert result.checked == [Checked(image, "Shirt", "Dress", found)]
    assert result.recorded == [f"decision-{image}"]
    assert catalogue.sql(TAG, id=image)[0] == ("Dress", 10_000, False, None, "human", 2)
    assert catalogue.value("SELECT count(*) FROM decision WHERE object_id = :id", id=image) == 1
    counts = {None: (0, 0), True: (1, 1), False: (1, 0)}[found]
    assert catalogue.sql("SELECT probes, found FROM review_session") == [counts]
    assert catalogue.violations() == []


def test_a_probe_that_is_answered_twice_counts_once_and_keeps_its_first_answer(catalogue: Catalogue) -> None:
    amina = a_reviewer(catalogue)
    image, first = answer(catalogue, amina, "Shirt")
    screen = catalogue.value("SELECT screen_id FROM probe")

    again = decide(catalogue, amina, given(image, "Shirt", version=2, screen_id=screen))
    undone = undo(catalogue, amina, f"decision-{image}")
    better = decide(catalogue, amina, given(image, "Dress", key="better", version=2, screen_id=screen))

    assert len(first.checked) == 1
    assert (again.repeated, again.checked) == ([f"decision-{image}"], [])
    assert undone == undoing.Restored(f"decision-{image}", image, 2, "Shirt", True)
    assert (better.recorded, better.checked) == (["better"], [])
    assert catalogue.sql("SELECT category, found FROM probe") == [("Shirt", False)]


def test_another_reviewers_decision_on_a_probe_is_an_ordinary_one(catalogue: Catalogue) -> None:
    image, screen = a_probe(catalogue, a_reviewer(catalogue))

    result = decide(catalogue, a_reviewer(catalogue, "juma"), given(image, "Coat", version=2, screen_id=screen))

    assert result.checked == []
    assert catalogue.sql(TAG, id=image)[0][0] == "Coat"


def test_a_screen_is_undone_with_its_probes(catalogue: Catalogue) -> None:
    amina = a_reviewer(catalogue)
    image, _ = answer(catalogue, amina, "Shirt")
    screen = catalogue.value("SELECT screen_id FROM probe")

    with catalogue.sessions.begin() as session:
        undone = undoing.undo_screen(session, amina, screen)

    assert undone == [undoing.Restored(f"decision-{image}", image, 2, "Shirt", True)]


def test_what_people_settled_is_drawn_and_nothing_that_is_right_as_it_would_be_shown(catalogue: Catalogue) -> None:
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    dress, shirt, undone, gone, none, his = flagged(catalogue, *"abcdef")
    for image, category in ((dress, "Dress"), (shirt, "Shirt"), (undone, "Dress"), (gone, "Dress")):
        decide(catalogue, amina, given(image, category))
    decide(catalogue, amina, given(none, None, outcome="not_ours"))
    decide(catalogue, juma, given(his, "Coat"))
    undo(catalogue, amina, f"decision-{undone}")
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE id = :id", then=LONG_AGO, id=gone)

    with catalogue.sessions.begin() as session:
        drawn = probes.settled(session, amina.id, but="Shirt", among=None, limit=9)

    assert drawn == [(his, "Coat"), (dress, "Dress")]  # others' first


def test_who_misses_half_of_his_probes_is_careless_and_who_finds_them_is_not(catalogue: Catalogue) -> None:
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    told = {}
    for name, reviewer in (("Shirt", amina), ("Dress", juma)):
        for place in range(3):
            image, screen = a_probe(catalogue, reviewer, f"{name}{place}")
            sent = given(image, name, key=f"p{image}", version=2, screen_id=screen, how="sweep")
            told[name, place] = decide(catalogue, reviewer, sent).careless

    assert [told["Shirt", place] for place in range(3)] == [False, True, True]
    assert not any(told["Dress", place] for place in range(3))


@pytest.mark.parametrize(("dwell_ms", "careless"), [(10, [False, True, True]), (60, [False] * 3)])
def test_grids_that_nobody_can_have_looked_at_are_careless(
    catalogue: Catalogue, dwell_ms: int, careless: list[bool]
) -> None:
    amina = a_reviewer(catalogue)
    told = []
    for number in range(3):
        flagged(catalogue, *[f"{number}{letter}" for letter in "abcdefgh"])
        screen = claim(catalogue, amina)
        assert screen is not None
        ids = [item.object_id for item in screen.items]
        batch = [given(image, screen_id=screen.id, how="sweep", dwell_ms=dwell_ms) for image in ids]
        told.append(decide(catalogue, amina, *batch).careless)
        assert not decide(catalogue, amina, *batch).careless  # sent again, it is not done again

    assert told == careless


def test_a_session_ends_with_a_pause_and_has_figures(catalogue: Catalogue) -> None:
    amina = a_reviewer(catalogue)
    ids = flagged(catalogue, *"abcd")
    screen = claim(catalogue, amina)
    assert screen is not None
    decide(
        catalogue,
        amina,
        *[given(image, name, screen_id=screen.id) for image, name in zip(ids[:2], ["Shirt", "Coat"], strict=True)],
    )
    undo(catalogue, amina, f"decision-{ids[1]}")
    decide(catalogue, amina, given(ids[2], "Dress", screen_id=screen.id))
    catalogue.sql("UPDATE review_session SET last_at = :then, started_at = :then", then=LONG_AGO)
    decide(catalogue, amina, given(ids[3], "Dress", screen_id=screen.id))

    with catalogue.sessions() as session:
        figures = sittings.figures(session, sittings.find(session, 1, amina.id))
        newest = sittings.last_of(session, amina.id)

    assert newest is not None
    assert newest.id == 2
    assert {name: figures[name] for name in ("decisions", "corrections", "undone", "probes")} == {
        "decisions": 2,
        "corrections": 1,
        "undone": 1,
        "probes": 0,
    }
