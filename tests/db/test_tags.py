"""Tags: one fenced transaction a micro-batch, people before models, a trail without gaps."""

from __future__ import annotations

import pytest

from db import tags
from db.review.human_tags import NoSuchObject
from db.schema import Classification, ImageTag, TagEvent
from tests.db.catalogues import Catalogue, an_image_tagged, reprocess, tagged

TAG = "SELECT category, confidence, source, version FROM image_tag WHERE object_id = :id"
EVENTS = "SELECT seq, actor, why FROM tag_event WHERE object_id = :id ORDER BY seq"


def test_a_result_its_tag_its_event_and_the_state_are_recorded_together(catalogue: Catalogue) -> None:
    catalogue.items("a.jpg")
    (item,) = catalogue.claim()

    recorded = catalogue.record([item], "Shirt", confidence=9731, needs_review=True, review_reason="low_confidence")

    assert recorded == 1
    assert catalogue.states() == {"a.jpg": "done"}
    result = catalogue.sql("SELECT work_item_id, fence, category, confidence, needs_review FROM classification")
    assert result == [(item.id, item.fence, "Shirt", 9731, True)]
    assert catalogue.sql(TAG, id=item.object_id) == [("Shirt", 9731, "model", 1)]
    assert catalogue.sql(EVENTS, id=item.object_id) == [(1, f"run:{catalogue.run_id}", "classified")]
    assert catalogue.violations() == []


def test_a_recording_that_fails_leaves_nothing_behind(catalogue: Catalogue) -> None:
    catalogue.items("a", "b")
    items = catalogue.claim()

    def record_and_lose_the_connection() -> None:
        with catalogue.sessions.begin() as session:
            tags.record(session, [tagged(item) for item in items], model_version_id=catalogue.model_id)
            raise ConnectionError("before the commit")

    with pytest.raises(ConnectionError):
        record_and_lose_the_connection()

    assert catalogue.states() == {"a": "leased", "b": "leased"}
    for table in (Classification, ImageTag, TagEvent):
        assert catalogue.value(f"SELECT count(*) FROM {table.__tablename__}") == 0
    assert catalogue.violations() == []


def test_a_zombies_late_result_is_dropped(catalogue: Catalogue) -> None:
    catalogue.items("a")
    zombie = catalogue.claim()
    catalogue.let_leases_end()
    owner = catalogue.claim(owner="worker:2")

    late = catalogue.record(zombie, "Bag")
    recorded = catalogue.record(owner, "Shirt")
    later_still = catalogue.record(zombie, "Bag")

    assert (late, recorded, later_still) == (0, 1, 0)
    assert catalogue.sql(TAG, id=owner[0].object_id) == [("Shirt", 9000, "model", 1)]
    assert catalogue.violations() == []


def test_a_lost_result_does_not_drag_its_neighbours_down(catalogue: Catalogue) -> None:
    catalogue.items("a", "b", "c")
    items = catalogue.claim()
    catalogue.sql("UPDATE work_item SET state = 'cancelled' WHERE id = :id", id=items[1].id)

    recorded = catalogue.record(items)

    assert recorded == 2
    assert catalogue.states() == {"a": "done", "b": "cancelled", "c": "done"}
    assert catalogue.violations() == []


def test_an_overrun_lease_that_nobody_took_over_still_counts(catalogue: Catalogue) -> None:
    catalogue.items("a")
    items = catalogue.claim()
    catalogue.let_leases_end()

    assert catalogue.record(items) == 1
    assert catalogue.violations() == []


def test_recording_the_same_result_twice_records_it_once(catalogue: Catalogue) -> None:
    catalogue.items("a")
    items = catalogue.claim()

    assert [catalogue.record(items), catalogue.record(items)] == [1, 0]
    assert catalogue.value("SELECT count(*) FROM classification") == 1


def test_recording_nothing_is_nothing(catalogue: Catalogue) -> None:
    assert catalogue.record([]) == 0


def test_the_result_of_an_overwritten_image_makes_no_tag(catalogue: Catalogue) -> None:
    catalogue.items("a.jpg")
    (old,) = catalogue.claim()
    catalogue.overwrite(old.object_id, "a.jpg", "v2")

    late = catalogue.record([old], "Bag")
    (new,) = catalogue.claim()
    recorded = catalogue.record([new], "Shirt")

    assert (late, recorded, new.version_token) == (0, 1, "v2")
    assert catalogue.sql(TAG, id=old.object_id) == [("Shirt", 9000, "model", 1)]
    assert catalogue.sql("SELECT state, reason FROM work_item ORDER BY id") == [
        ("skipped", "superseded"),
        ("done", None),
    ]
    assert catalogue.violations() == []


def test_a_result_for_another_version_than_the_objects_is_kept_without_a_tag(catalogue: Catalogue) -> None:
    catalogue.items("a.jpg")
    (item,) = catalogue.claim()
    catalogue.sql("UPDATE source_object SET version_token = 'v2'")

    recorded = catalogue.record([item], "Bag")

    assert recorded == 1
    assert catalogue.value("SELECT count(*) FROM classification") == 1
    assert catalogue.value("SELECT count(*) FROM image_tag") == 0


# The trail


def test_a_replay_with_the_same_outcome_makes_no_event(catalogue: Catalogue) -> None:
    object_id = an_image_tagged(catalogue, category="Bag")

    reprocess(catalogue, object_id, "Bag")

    assert catalogue.sql(TAG, id=object_id) == [("Bag", 9000, "model", 1)]
    assert catalogue.value("SELECT count(*) FROM tag_event") == 1
    assert catalogue.value("SELECT count(*) FROM classification") == 2
    assert catalogue.violations() == []


def test_every_change_of_a_tag_is_an_event_that_begins_where_the_last_one_ended(catalogue: Catalogue) -> None:
    object_id = an_image_tagged(catalogue, category="Bag")
    reprocess(catalogue, object_id, "Shirt", request="r1")
    catalogue.decide(object_id, "Coat")
    catalogue.decide(object_id, "Dress", person="ben")

    with catalogue.sessions() as session:
        events = session.query(TagEvent).order_by(TagEvent.seq).all()

    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert [event.new["category"] for event in events] == ["Bag", "Shirt", "Coat", "Dress"]
    assert [event.old for event in events] == [None, *(event.new for event in events[:-1])]
    run = f"run:{catalogue.run_id}"
    assert [event.actor for event in events] == [run, run, "person:amina", "person:ben"]
    assert catalogue.violations() == []


def test_a_new_reason_for_review_alone_is_a_change(catalogue: Catalogue) -> None:
    catalogue.items("a.jpg")
    (item,) = catalogue.claim()
    catalogue.record([item], needs_review=True, review_reason="audit")
    catalogue.overwrite(item.object_id, "a.jpg", "v2")

    catalogue.record(catalogue.claim(), needs_review=True, review_reason="unlike_training")

    assert catalogue.value("SELECT review_reason FROM image_tag") == "unlike_training"
    assert catalogue.value("SELECT count(*) FROM tag_event") == 2
    assert catalogue.violations() == []


# People


def test_a_human_tag_survives_reprocessing(catalogue: Catalogue) -> None:
    object_id = an_image_tagged(catalogue, category="Bag")
    catalogue.decide(object_id, "Coat")

    item_id = reprocess(catalogue, object_id, "Shirt", confidence=9999)

    assert catalogue.sql(TAG, id=object_id) == [("Coat", 10_000, "human", 2)]
    classified = catalogue.sql("SELECT category, confidence FROM classification WHERE work_item_id = :id", id=item_id)
    assert classified == [("Shirt", 9999)]
    assert catalogue.value("SELECT count(*) FROM tag_event") == 2
    assert catalogue.violations() == []


def test_a_human_tag_survives_a_new_version_of_the_image(catalogue: Catalogue) -> None:
    object_id = an_image_tagged(catalogue, "a.jpg")
    catalogue.decide(object_id, "Coat")
    catalogue.overwrite(object_id, "a.jpg", "v2")

    catalogue.record(catalogue.claim(), "Shirt")

    assert catalogue.sql(TAG, id=object_id) == [("Coat", 10_000, "human", 2)]
    assert catalogue.violations() == []


def test_a_person_may_decide_before_any_model_did(catalogue: Catalogue) -> None:
    (object_id,) = catalogue.images("a.jpg")
    catalogue.enqueue([object_id])

    catalogue.decide(object_id, "Coat")

    assert catalogue.sql(TAG, id=object_id) == [("Coat", 10_000, "human", 1)]
    assert catalogue.sql(EVENTS, id=object_id) == [(1, "person:amina", "looked at it")]
    assert catalogue.violations() == []


def test_a_decision_on_no_image_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(NoSuchObject, match="no image has the id 77"):
        catalogue.decide(77, "Coat")
