"""Decisions: once, on what was seen, with all that is to be known of them, and to be undone."""

from __future__ import annotations

import pytest

from db.review import undoing
from db.review.decisions import Conflict
from db.review.human_tags import human_tags
from db.review.undoing import NoSuchDecision, Restored
from tests.db.catalogues import Catalogue, an_image_tagged, reprocess
from tests.db.review.reviewing import TAG, a_reviewer, claim, decide, flagged, given, undo

EVENTS = "SELECT seq, actor, why FROM tag_event WHERE object_id = :id ORDER BY seq"


def test_a_decision_writes_tag_event_and_review_together(catalogue: Catalogue) -> None:
    (image,) = flagged(catalogue, "a")
    amina = a_reviewer(catalogue)
    screen = claim(catalogue, amina)
    assert screen is not None

    result = decide(catalogue, amina, given(image, screen_id=screen.id, how="sweep", dwell_ms=900))

    assert (result.recorded, result.repeated, result.conflicts) == ([f"decision-{image}"], [], [])
    assert catalogue.sql(TAG, id=image) == [("T-shirt", 10_000, False, None, "human", 2)]
    assert catalogue.sql(EVENTS, id=image)[1:] == [(2, "person:amina", "reviewed (sweep)")]
    row = catalogue.sql("SELECT screen_id, category, seq, how, drawn, probability, suggested, dwell_ms FROM decision")
    assert row == [(screen.id, "T-shirt", 2, "sweep", "flag", 1.0, "Shirt", 900)]
    assert catalogue.value("SELECT count(*) FROM review_claim") == 0
    assert catalogue.violations() == []


def test_a_decision_that_is_sent_twice_is_recorded_once(catalogue: Catalogue) -> None:
    (image,) = flagged(catalogue, "a")
    amina = a_reviewer(catalogue)

    results = [decide(catalogue, amina, given(image)) for _ in range(2)]
    in_one = decide(catalogue, amina, *[given(image, "Bag", key="again", version=2)] * 2)

    assert [result.recorded for result in results] == [[f"decision-{image}"], []]
    assert results[1].repeated == [f"decision-{image}"]
    assert (in_one.recorded, in_one.repeated) == (["again"], ["again"])
    assert catalogue.value("SELECT count(*) FROM tag_event WHERE actor = 'person:amina'") == 2
    assert catalogue.violations() == []


def test_who_comes_second_is_told_what_the_first_said_and_the_rest_of_his_batch_counts(catalogue: Catalogue) -> None:
    one, other = flagged(catalogue, "a", "b")
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    decide(catalogue, amina, given(one, "Dress"))

    result = decide(catalogue, juma, given(one), given(other))

    assert result.conflicts == [Conflict(one, "Dress", "amina", 2)]
    assert result.recorded == [f"decision-{other}"]
    assert catalogue.sql(TAG, id=one)[0][0] == "Dress"


def test_a_decision_on_what_is_not_there_is_a_conflict(catalogue: Catalogue) -> None:
    assert decide(catalogue, a_reviewer(catalogue), given(77)).conflicts == [Conflict(77, None, None, None)]


@pytest.mark.parametrize("outcome", ["not_ours", "unreadable"])
def test_what_is_no_category_is_decided_too_and_labels_nothing(catalogue: Catalogue, outcome: str) -> None:
    (image,) = flagged(catalogue, "a")
    catalogue.sql("UPDATE source_object SET product_id = '4711'")

    decide(catalogue, a_reviewer(catalogue), given(image, None, outcome=outcome))

    assert catalogue.sql(TAG, id=image) == [("", 10_000, False, outcome, "human", 2)]
    assert catalogue.sql("SELECT product_id FROM product_tags") == []
    assert catalogue.violations() == []
    with catalogue.sessions() as session:
        assert human_tags(session) == []


@pytest.mark.parametrize("outcome", ["category", "not_ours", "unreadable"])
def test_nothing_decided_comes_back_after_any_run(catalogue: Catalogue, outcome: str) -> None:
    (image,) = flagged(catalogue, "a")
    amina = a_reviewer(catalogue)
    decide(catalogue, amina, given(image, "Dress" if outcome == "category" else None, outcome=outcome))
    decided = catalogue.sql(TAG, id=image)

    reprocess(catalogue, image, "Bag", confidence=3000)

    assert catalogue.sql(TAG, id=image) == decided
    assert claim(catalogue, amina) is None
    assert catalogue.violations() == []


def test_an_undone_decision_leaves_the_tag_as_it_was_and_can_be_undone_again(catalogue: Catalogue) -> None:
    (image,) = flagged(catalogue, "a")
    amina = a_reviewer(catalogue)
    decide(catalogue, amina, given(image))

    results = [undo(catalogue, amina, f"decision-{image}") for _ in range(2)]

    assert results == [Restored(f"decision-{image}", image, 3, "Shirt", True)] * 2
    assert catalogue.sql(TAG, id=image) == [("Shirt", 5000, True, "low_confidence", "model", 3)]
    assert catalogue.sql(EVENTS, id=image)[2:] == [(3, "person:amina", "undid a decision (api)")]
    assert catalogue.violations() == []


def test_a_machine_may_tag_again_what_was_undone(catalogue: Catalogue) -> None:
    (image,) = flagged(catalogue, "a")
    amina = a_reviewer(catalogue)
    decide(catalogue, amina, given(image))
    undo(catalogue, amina, f"decision-{image}")

    reprocess(catalogue, image, "Bag")

    assert catalogue.sql(TAG, id=image)[0][0] == "Bag"
    assert catalogue.violations() == []


def test_a_decision_that_somebody_has_changed_since_is_not_undone(catalogue: Catalogue) -> None:
    (image,) = flagged(catalogue, "a")
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    decide(catalogue, amina, given(image))
    decide(catalogue, juma, given(image, "Dress", key="later", version=2))

    assert undo(catalogue, amina, f"decision-{image}") == Conflict(image, "Dress", "juma", 3)
    assert catalogue.sql(TAG, id=image)[0][0] == "Dress"


def test_others_decisions_are_undone_only_by_who_may(catalogue: Catalogue) -> None:
    (image,) = flagged(catalogue, "a")
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    decide(catalogue, amina, given(image))

    with pytest.raises(NoSuchDecision, match="made no decision"):
        undo(catalogue, juma, f"decision-{image}")
    assert isinstance(undo(catalogue, juma, f"decision-{image}", of_anybody=True), Restored)
    assert catalogue.sql(EVENTS, id=image)[2][1] == "person:juma"


def test_a_screen_is_undone_in_one_step(catalogue: Catalogue) -> None:
    one, other = flagged(catalogue, "a", "b")
    amina = a_reviewer(catalogue)
    screen = claim(catalogue, amina)
    assert screen is not None
    decide(catalogue, amina, given(one, screen_id=screen.id), given(other, None, outcome="skip", screen_id=screen.id))

    with catalogue.sessions.begin() as session:
        undone = undoing.undo_screen(session, amina, screen.id)

    assert {result.object_id for result in undone} == {one, other}
    assert catalogue.sql(TAG, id=one)[0][0] == "Shirt"
    assert catalogue.violations() == []


def test_a_decision_on_what_was_not_drawn_says_so(catalogue: Catalogue) -> None:
    image = an_image_tagged(catalogue)
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    (other,) = flagged(catalogue, "b")
    screen = claim(catalogue, juma)
    assert screen is not None

    decide(catalogue, amina, given(image), given(other, screen_id=screen.id, blind=True))

    rows = catalogue.sql("SELECT screen_id, drawn, probability, suggested FROM decision ORDER BY object_id")
    assert rows == [(None, "search", None, "Bag"), (None, "search", None, None)]  # another's screen is not his
