"""Second opinions: who is asked, what is shown of the first one, and what becomes of two that differ."""

from __future__ import annotations

from db.review.screens import Screen
from db.review.truth.audit import is_drawn
from tests.db.catalogues import Catalogue
from tests.db.review.reviewing import TAG, Reviewer, a_reviewer, claim, decide, flagged, given, undo
from tests.db.review.truths import claim_blind

ASKED = "SELECT kind, second_id IS NOT NULL, agreed FROM second_opinion ORDER BY id"


def on_screen(catalogue: Catalogue, reviewer: Reviewer, **options: bool) -> Screen:
    screen = claim_blind(catalogue, reviewer, **options)
    assert screen is not None
    return screen


def a_double(catalogue: Catalogue, first: Reviewer, category: str = "Dress") -> int:
    """Let somebody decide about an image that a second reviewer is then to read again; returns its id."""
    (image,) = flagged(catalogue, "a")
    screen = on_screen(catalogue, first)
    answer = given(image, category, screen_id=screen.id, how="sweep")
    decide(catalogue, first, answer, double_share=1.0)
    return image


def test_what_is_sent_to_a_colleague_is_shown_to_him_alone_and_blind(catalogue: Catalogue) -> None:
    (image,) = flagged(catalogue, "a")
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    screen = claim(catalogue, amina)
    assert screen is not None
    decide(catalogue, amina, given(image, None, outcome="colleague", screen_id=screen.id))

    assert claim_blind(catalogue, amina) is None
    assert claim(catalogue, juma) is None  # on no screen with suggestions
    his = on_screen(catalogue, juma)
    decide(catalogue, juma, given(image, "Coat", key="second", screen_id=his.id))

    assert his.blind == {image}
    assert catalogue.sql(TAG, id=image)[0][0] == "Coat"
    rows = catalogue.sql("SELECT outcome, drawn, suggested, category FROM decision ORDER BY id")
    assert rows == [("skip", "flag", "Shirt", None), ("category", "colleague", None, "Coat")]
    assert catalogue.sql(ASKED) == [("colleague", True, None)]
    assert catalogue.violations() == []


def test_a_colleague_is_asked_no_more_when_the_question_is_undone(catalogue: Catalogue) -> None:
    (image,) = flagged(catalogue, "a")
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    screen = claim(catalogue, amina)
    assert screen is not None
    decide(catalogue, amina, given(image, None, outcome="colleague", screen_id=screen.id))

    undo(catalogue, amina, f"decision-{image}")

    assert catalogue.sql(ASKED) == []
    assert claim(catalogue, juma) is not None


def test_a_double_is_read_again_by_somebody_else_and_its_tag_stays(catalogue: Catalogue) -> None:
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    image = a_double(catalogue, amina)
    decided = catalogue.sql(TAG, id=image)

    assert claim_blind(catalogue, amina, doubles=True) is None  # it was he
    assert claim_blind(catalogue, juma) is None  # a program
    screen = on_screen(catalogue, juma, doubles=True)
    decide(catalogue, juma, given(image, "Coat", key="second", version=2, screen_id=screen.id))

    assert screen.blind == {image}
    assert catalogue.sql(TAG, id=image) == decided
    assert catalogue.sql(ASKED) == [("double", True, False)]
    assert catalogue.sql("SELECT seq, drawn, probability, suggested FROM decision WHERE key = 'second'") == [
        (None, "colleague", 1.0, None)
    ]
    assert catalogue.violations() == []


def test_an_undone_second_reading_is_asked_for_again(catalogue: Catalogue) -> None:
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    image = a_double(catalogue, amina)
    screen = on_screen(catalogue, juma, doubles=True)
    decide(catalogue, juma, given(image, key="second", version=2, screen_id=screen.id))

    undo(catalogue, juma, "second")

    assert catalogue.sql(ASKED) == [("double", False, None)]
    assert on_screen(catalogue, juma, doubles=True).blind == {image}


def test_two_who_say_the_same_agree(catalogue: Catalogue) -> None:
    image = a_double(catalogue, a_reviewer(catalogue), "Dress")
    juma = a_reviewer(catalogue, "juma")
    screen = on_screen(catalogue, juma, doubles=True)

    decide(catalogue, juma, given(image, "Dress", key="second", version=2, screen_id=screen.id))

    assert catalogue.sql(ASKED) == [("double", True, True)]


def test_a_share_is_doubled_and_what_somebody_found_himself_is_not(catalogue: Catalogue) -> None:
    ids = flagged(catalogue, *[f"{number:02}" for number in range(40)])
    amina = a_reviewer(catalogue)
    screen = claim(catalogue, amina, limit=30)
    assert screen is not None
    answers = [given(image, screen_id=screen.id if image in ids[:30] else None) for image in ids]

    decide(catalogue, amina, *answers, double_share=0.3)

    doubled = {row[0] for row in catalogue.sql("SELECT object_id FROM second_opinion")}
    assert doubled == {image for image in ids[:30] if is_drawn("double", str(image), 0.3)} != set()
