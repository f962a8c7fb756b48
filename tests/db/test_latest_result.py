"""Which result becomes the tag: that of the newest run, of the version that the image has now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from db import tags
from db.queue import claims
from stack.processes import wait_until
from tests.db.catalogues import Catalogue, an_image_tagged, tagged, waiting_for_locks

TAG = "SELECT category, confidence, source, version FROM image_tag WHERE object_id = :id"


def test_a_late_result_of_an_older_run_does_not_replace_the_tag_of_a_newer_one(catalogue: Catalogue) -> None:
    promoted_run = catalogue.another_run("scan:2", model="promoted")
    promoted = catalogue.value("SELECT model_version_id FROM run WHERE id = :id", id=promoted_run)
    (object_id,) = catalogue.images("a.jpg")
    catalogue.enqueue([object_id])
    catalogue.enqueue([object_id], run_id=promoted_run)
    (late,) = catalogue.claim()
    newer = catalogue.claim(model_version_id=promoted)
    with catalogue.sessions.begin() as session:
        tags.record(session, [tagged(item, "Coat") for item in newer], model_version_id=promoted)

    recorded = catalogue.record([late], "Bag")

    assert recorded == 1
    assert catalogue.states() == {"a.jpg": "done"}
    assert catalogue.sql(TAG, id=object_id) == [("Coat", 9000, "model", 1)]
    assert catalogue.value("SELECT count(*) FROM classification") == 2
    assert catalogue.violations() == []


def test_a_run_asked_for_later_with_an_older_model_replaces_the_tag(catalogue: Catalogue) -> None:
    object_id = an_image_tagged(catalogue, "a.jpg", "Coat")
    later = catalogue.another_run("scan:2", model="older")
    older = catalogue.value("SELECT model_version_id FROM run WHERE id = :id", id=later)
    catalogue.enqueue([object_id], run_id=later)

    with catalogue.sessions.begin() as session:
        items = claims.claim(session, queue="nightly", model_version_id=older, owner="me", limit=1)
        tags.record(session, [tagged(item, "Bag") for item in items], model_version_id=older)

    assert catalogue.sql(TAG, id=object_id) == [("Bag", 9000, "model", 2)]
    assert catalogue.violations() == []


def test_a_new_version_of_an_image_is_tagged_by_an_older_run_too(catalogue: Catalogue) -> None:
    newer = catalogue.another_run("scan:2")
    (object_id,) = catalogue.images("a.jpg")
    catalogue.enqueue([object_id], run_id=newer)
    catalogue.record(catalogue.claim(), "Coat")

    catalogue.overwrite(object_id, "a.jpg", "v2")
    catalogue.record(catalogue.claim(), "Bag")

    assert catalogue.sql(TAG, id=object_id) == [("Bag", 9000, "model", 2)]


def test_a_result_waits_for_who_is_changing_its_image_and_makes_no_tag_of_another_version(
    postgres_catalogue: Catalogue,
) -> None:
    postgres_catalogue.items("a.jpg")
    items = postgres_catalogue.claim()
    with ThreadPoolExecutor(1) as pool, postgres_catalogue.sessions.begin() as scan:
        scan.execute(text("UPDATE source_object SET version_token = 'v2'"))
        recording = pool.submit(postgres_catalogue.record, items)
        wait_until(lambda: waiting_for_locks(postgres_catalogue) or recording.done(), "the recording to wait")
        scan.commit()

    assert recording.result() == 1
    assert postgres_catalogue.value("SELECT count(*) FROM classification") == 1
    assert postgres_catalogue.value("SELECT count(*) FROM image_tag") == 0
