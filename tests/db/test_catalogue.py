"""Tags: one fenced transaction a micro-batch, people before models, a trail without gaps, views for readers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from db import catalogue as tags
from db.catalogue import HumanTag
from db.schema import Classification, ImageTag, TagEvent, WorkItem
from tests.db.catalogues import LONG_AGO, Catalogue, tagged

TAG = "SELECT category, confidence, source, version FROM image_tag WHERE object_id = :id"
EVENTS = "SELECT seq, actor, why FROM tag_event WHERE object_id = :id ORDER BY seq"


def an_image_tagged(catalogue: Catalogue, key: str = "a.jpg", category: str = "Bag", confidence: int = 9000) -> int:
    """A new image, its item done; the object's id."""
    catalogue.items(key)
    (item,) = catalogue.claim()
    assert catalogue.record([item], category, confidence=confidence) == 1
    return item.object_id


def reprocess(
    catalogue: Catalogue, object_id: int, category: str, *, confidence: int = 9000, request: str = "r"
) -> int:
    """The same version once more, as another request; the item's id."""
    catalogue.sql(
        "INSERT INTO work_item (object_id, version_token, model_version_id, request_id, run_id, queue, priority,"
        " state, eligible_at) SELECT id, version_token, :model, :request, :run, 'nightly', 1, 'pending', :then"
        " FROM source_object WHERE id = :id",
        model=catalogue.model_id,
        request=request,
        run=catalogue.run_id,
        then=LONG_AGO,
        id=object_id,
    )
    (item,) = catalogue.claim(1)
    assert item.object_id == object_id
    assert catalogue.record([item], category, confidence=confidence) == 1
    return item.id


# Recording


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
    kept = catalogue.sql("SELECT category, confidence FROM classification WHERE work_item_id = :id", id=item_id)
    assert kept == [("Shirt", 9999)]
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
    with pytest.raises(tags.NoSuchObject, match="no image has the id 77"):
        catalogue.decide(77, "Coat")


# Views


def test_catalogue_tags_shows_a_row_an_image_that_is_there(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "here.jpg", "Bag", 9731)
    an_image_tagged(catalogue, "gone.jpg", "Bag")
    catalogue.items("untagged.jpg")
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE key = 'gone.jpg'", then=LONG_AGO)

    rows = catalogue.sql("SELECT bucket, key, category, confidence, source, model FROM catalogue_tags")

    assert [(*row[:3], float(row.confidence), *row[4:]) for row in rows] == [
        ("photos", "here.jpg", "Bag", 0.9731, "model", "net@1")
    ]


def test_product_tags_go_by_the_sum_of_confidences_over_all_images(catalogue: Catalogue) -> None:
    products(catalogue, p1=[("Bag", 9000), ("Shirt", 5000), ("Shirt", 6000)], p2=[("Coat", 8000)])

    rows = catalogue.sql("SELECT product_id, category, confidence, images FROM product_tags ORDER BY product_id")

    assert [(*row[:2], float(row.confidence), row.images) for row in rows] == [
        ("p1", "Shirt", 0.3667, 3),
        ("p2", "Coat", 0.8, 1),
    ]


def test_one_persons_word_outweighs_the_models_on_the_other_images(catalogue: Catalogue) -> None:
    ids = products(catalogue, p1=[("Bag", 9900), ("Bag", 9900), ("Bag", 9900)])
    catalogue.decide(ids[0], "Coat")

    (row,) = catalogue.sql("SELECT category, confidence, images_to_review FROM product_tags")

    assert (row.category, float(row.confidence), row.images_to_review) == ("Coat", 0.3333, 0)


def test_gone_images_have_no_vote_on_their_product(catalogue: Catalogue) -> None:
    ids = products(catalogue, p1=[("Bag", 9900), ("Coat", 5000)])
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE id = :id", then=LONG_AGO, id=ids[0])

    rows = catalogue.sql("SELECT category, images FROM product_tags")

    assert rows == [("Coat", 1)]


def products(catalogue: Catalogue, **images: list[tuple[str, int]]) -> list[int]:
    """Tagged images of each product; their ids."""
    ids = []
    for product, tags_of_images in images.items():
        for number, (category, confidence) in enumerate(tags_of_images):
            ids += catalogue.images(f"{product}-{number}.jpg", product=product)
            catalogue.enqueue(ids[-1:])
            catalogue.record(catalogue.claim(), category, confidence=confidence)
    return ids


# Reads


def test_export_gives_the_same_plain_values_on_both_databases(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "b.jpg", "Bag", 9731)
    object_id = an_image_tagged(catalogue, "a.jpg", "Bag")
    catalogue.decide(object_id, "Coat")

    with catalogue.sessions() as session:
        human, machine = list(tags.export(session))

    assert tuple(machine) == tags.EXPORT_COLUMNS
    assert type(machine["confidence"]) is float
    assert abs((machine.pop("tagged_at") - datetime.now(UTC)).total_seconds()) < 60
    assert machine == {
        "bucket": "photos",
        "key": "b.jpg",
        "product_id": None,
        "category": "Bag",
        "confidence": 0.9731,
        "needs_review": False,
        "review_reason": None,
        "source": "model",
        "model": "net@1",
    }
    assert (human["key"], human["source"], human["model"], human["confidence"]) == ("a.jpg", "human", None, 1.0)


def test_export_can_be_narrowed(catalogue: Catalogue) -> None:
    for key, category, unsure in (("a", "Bag", True), ("b", "Bag", False), ("c", "Coat", True)):
        catalogue.items(key)
        catalogue.record(catalogue.claim(), category, needs_review=unsure)

    with catalogue.sessions() as session:
        bags = [row["key"] for row in tags.export(session, category="Bag")]
        unsure = [row["key"] for row in tags.export(session, needs_review=True)]
        both = [row["key"] for row in tags.export(session, category="Bag", needs_review=True)]

    assert (bags, unsure, both) == (["a", "b"], ["a", "c"], ["a"])


def test_human_tags_are_what_people_said_of_images_that_are_there(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "machine.jpg")
    for key, product in (("b.jpg", "p1"), ("a.jpg", None), ("gone.jpg", None)):
        (object_id,) = catalogue.images(key, product=product, token=f"v of {key}")
        catalogue.decide(object_id, "T-shirt/top")
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE key = 'gone.jpg'", then=LONG_AGO)

    with catalogue.sessions() as session:
        found = tags.human_tags(session)

    assert found == [
        HumanTag("photos", "a.jpg", "v of a.jpg", None, "T-shirt/top"),
        HumanTag("photos", "b.jpg", "v of b.jpg", "p1", "T-shirt/top"),
    ]


def failures(catalogue: Catalogue, reason: str | None = None) -> list[tuple[str, str, str]]:
    with catalogue.sessions() as session:
        return [(row.key, row.state, row.reason) for row in tags.failures(session, reason)]


def fail(catalogue: Catalogue, key: str, reason: str) -> None:
    catalogue.items(key)
    catalogue.sql(
        "UPDATE work_item SET state = 'skipped', reason = :reason"
        " WHERE object_id = (SELECT id FROM source_object WHERE key = :key)",
        reason=reason,
        key=key,
    )


def test_failures_are_what_ended_without_a_tag_or_waits_to_be_tried_again(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "fine")
    fail(catalogue, "empty", "empty")
    fail(catalogue, "corrupt", "corrupt")
    catalogue.items("waiting", "new")
    waiting, _ = catalogue.claim()
    with catalogue.sessions.begin() as session:
        tags.queue.retry(session, waiting, "store_unavailable", "503")

    assert failures(catalogue) == [
        ("corrupt", "skipped", "corrupt"),
        ("empty", "skipped", "empty"),
        ("waiting", "pending", "store_unavailable"),
    ]
    assert failures(catalogue, "empty") == [("empty", "skipped", "empty")]


def test_failures_of_gone_images_and_of_old_versions_are_no_longer_told(catalogue: Catalogue) -> None:
    fail(catalogue, "gone", "corrupt")
    fail(catalogue, "replaced", "corrupt")
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE key = 'gone'", then=LONG_AGO)
    catalogue.overwrite(catalogue.value("SELECT id FROM source_object WHERE key = 'replaced'"), "replaced", "v2")

    assert failures(catalogue) == []


def test_a_failure_that_a_later_try_made_good_is_no_longer_told(catalogue: Catalogue) -> None:
    fail(catalogue, "a", "not_found")
    reprocess(catalogue, catalogue.value("SELECT id FROM source_object"), "Bag")

    assert failures(catalogue) == []


def test_items_are_counted_by_state(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "done")
    catalogue.items("a", "b")

    with catalogue.sessions() as session:
        counts = tags.items_by_state(session)

    assert counts == {"done": 1, "pending": 2}
    assert catalogue.value(f"SELECT count(*) FROM {WorkItem.__tablename__}") == 3
