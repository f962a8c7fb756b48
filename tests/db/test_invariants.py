"""`verify` can fail: each invariant, broken behind the program's back, is reported with the row that breaks it."""

from __future__ import annotations

import pytest

from db import runs
from db.invariants import INVARIANTS
from db.queue import leases
from db.session import Sessions
from tests.db.catalogues import LONG_AGO, Catalogue, a_catalogue, in_the_future


@pytest.fixture
def healthy(catalogue: Catalogue) -> Catalogue:
    """One of everything: done, decided by a person, skipped, waiting after a failure, leased, pending; another run."""
    catalogue.items("done", "human", "skipped", "failed", "leased")
    done, human, skipped, failed, _ = catalogue.claim()
    catalogue.record([done, human])
    catalogue.decide(human.object_id, "Coat")
    with catalogue.sessions.begin() as session:
        leases.skip(session, skipped, "corrupt", "")
        leases.retry(session, failed, "internal", "")
    catalogue.items("pending")
    finished = catalogue.another_run("scan:finished")
    catalogue.items("of another run", run_id=finished)
    catalogue.record(catalogue.claim(run_id=finished))
    with catalogue.sessions.begin() as session:
        runs.close_finished(session)
    assert catalogue.value("SELECT state FROM run WHERE id = :id", id=finished) == "finished"
    return catalogue


def broken_rows(catalogue: Catalogue) -> set[tuple[str, str, int]]:
    return {(violation.invariant, violation.table, violation.row_id) for violation in catalogue.violations()}


def object_of(catalogue: Catalogue, key: str) -> int:
    return int(catalogue.value("SELECT id FROM source_object WHERE key = :key", key=key))


def item_of(catalogue: Catalogue, key: str) -> int:
    return int(catalogue.value("SELECT id FROM work_item WHERE object_id = :id", id=object_of(catalogue, key)))


def test_a_healthy_catalogue_breaks_nothing(healthy: Catalogue) -> None:
    assert healthy.violations() == []


def test_an_empty_catalogue_breaks_nothing(catalogue: Catalogue) -> None:
    assert catalogue.violations() == []


def test_every_violation_has_a_detail_and_a_named_invariant(healthy: Catalogue) -> None:
    healthy.sql("DELETE FROM tag_event")
    healthy.sql("UPDATE work_item SET state = 'pending', eligible_at = :at", at=in_the_future(90_000))

    broken = healthy.violations()

    assert {violation.invariant for violation in broken} >= {"I3", "I6", "I7", "I8"}
    assert {violation.invariant for violation in broken} <= INVARIANTS.keys()
    assert all(violation.detail for violation in broken)


def test_i1_reports_an_object_version_without_an_item(healthy: Catalogue) -> None:
    pending = item_of(healthy, "pending")
    healthy.sql("DELETE FROM work_item WHERE id = :id", id=pending)
    healthy.sql("UPDATE source_object SET version_token = 'v2' WHERE key = 'done'")

    missing = {object_of(healthy, "pending"), object_of(healthy, "done")}
    assert broken_rows(healthy) == {("I1", "source_object", object_id) for object_id in missing}


def test_i1_reports_an_object_whose_only_item_was_superseded(healthy: Catalogue) -> None:
    healthy.sql(
        "UPDATE work_item SET state = 'skipped', reason = 'superseded' WHERE id = :id", id=item_of(healthy, "pending")
    )

    assert broken_rows(healthy) == {("I1", "source_object", object_of(healthy, "pending"))}


def test_i1_expects_no_item_for_what_is_gone(healthy: Catalogue) -> None:
    healthy.sql("DELETE FROM work_item WHERE id = :id", id=item_of(healthy, "pending"))
    healthy.sql("UPDATE source_object SET gone_at = :then WHERE key = 'pending'", then=LONG_AGO)

    assert broken_rows(healthy) == set()


def test_i3_reports_done_without_a_result(healthy: Catalogue) -> None:
    healthy.sql("DELETE FROM classification WHERE work_item_id = :id", id=item_of(healthy, "done"))

    assert broken_rows(healthy) == {("I3", "work_item", item_of(healthy, "done"))}


def test_i3_reports_a_result_of_an_item_that_is_not_done(healthy: Catalogue) -> None:
    healthy.sql("UPDATE work_item SET state = 'skipped' WHERE id = :id", id=item_of(healthy, "done"))

    assert broken_rows(healthy) == {("I3", "work_item", item_of(healthy, "done"))}


def test_i4_reports_a_result_under_another_fence_than_the_items(healthy: Catalogue) -> None:
    healthy.sql("UPDATE work_item SET fence = fence - 1 WHERE id = :id", id=item_of(healthy, "done"))

    assert broken_rows(healthy) == {("I4", "work_item", item_of(healthy, "done"))}


def test_i5_reports_a_human_tag_that_a_model_replaced(healthy: Catalogue) -> None:
    human = object_of(healthy, "human")
    healthy.sql("UPDATE image_tag SET source = 'model', category = 'Bag' WHERE object_id = :id", id=human)

    assert broken_rows(healthy) == {("I5", "image_tag", human), ("I7", "image_tag", human)}


def test_i5_reports_a_model_that_overruled_a_person_by_the_book(healthy: Catalogue) -> None:
    human = object_of(healthy, "human")
    healthy.sql(
        "INSERT INTO tag_event (object_id, seq, old, new, actor, why, at)"
        " SELECT object_id, 3, new, old, 'run:1', 'classified', at FROM tag_event WHERE object_id = :id AND seq = 2",
        id=human,
    )
    healthy.sql("UPDATE image_tag SET source = 'model', category = 'Bag', version = 3 WHERE object_id = :id", id=human)

    assert broken_rows(healthy) == {("I5", "image_tag", human)}


def test_i5_allows_a_person_to_give_an_image_back_to_the_models(healthy: Catalogue) -> None:
    human = object_of(healthy, "human")
    for seq, actor, old in ((3, "person:amina", "new"), (4, "run:1", "old")):
        healthy.sql(
            "INSERT INTO tag_event (object_id, seq, old, new, actor, why, at)"
            f" SELECT object_id, :seq, {old}, old, :actor, 'undo', at FROM tag_event WHERE object_id = :id AND seq = 2",
            id=human,
            seq=seq,
            actor=actor,
        )
    healthy.sql("UPDATE image_tag SET source = 'model', category = 'Bag', version = 4 WHERE object_id = :id", id=human)

    assert broken_rows(healthy) == set()


def test_i6_reports_leases_and_back_offs_without_an_end_in_sight(healthy: Catalogue) -> None:
    keys = ("leased", "failed", "pending")
    for key in keys:
        healthy.sql(
            "UPDATE work_item SET eligible_at = :at WHERE id = :id", at=in_the_future(7200), id=item_of(healthy, key)
        )

    assert broken_rows(healthy) == {("I6", "work_item", item_of(healthy, key)) for key in keys}


@pytest.mark.parametrize("state", ["finished", "cancelled"])
def test_i6_reports_open_items_of_a_run_that_ended(healthy: Catalogue, state: str) -> None:
    healthy.sql("UPDATE run SET state = :state WHERE id = :id", state=state, id=healthy.run_id)

    stuck = {row for invariant, _, row in broken_rows(healthy) if invariant == "I6"}

    assert stuck == {item_of(healthy, key) for key in ("leased", "failed", "pending")}


def test_i7_reports_a_trail_with_a_gap(healthy: Catalogue) -> None:
    human = object_of(healthy, "human")
    healthy.sql("DELETE FROM tag_event WHERE object_id = :id AND seq = 1", id=human)

    last = healthy.value("SELECT id FROM tag_event WHERE object_id = :id", id=human)
    assert broken_rows(healthy) == {("I7", "tag_event", last)}


def test_i7_reports_a_trail_that_lost_its_end(healthy: Catalogue) -> None:
    done = object_of(healthy, "done")
    healthy.sql("DELETE FROM tag_event WHERE object_id = :id", id=done)

    assert broken_rows(healthy) == {("I7", "image_tag", done)}


def test_i7_reports_a_tag_that_was_changed_without_an_event(healthy: Catalogue) -> None:
    done = object_of(healthy, "done")
    healthy.sql("UPDATE image_tag SET category = 'Dress' WHERE object_id = :id", id=done)

    assert broken_rows(healthy) == {("I7", "image_tag", done)}


def test_i7_reports_a_tag_that_was_deleted(healthy: Catalogue) -> None:
    done = object_of(healthy, "done")
    healthy.sql("DELETE FROM image_tag WHERE object_id = :id", id=done)

    last = healthy.value("SELECT id FROM tag_event WHERE object_id = :id", id=done)
    assert broken_rows(healthy) == {("I7", "tag_event", last)}


def test_i8_reports_a_finished_run_with_open_items(healthy: Catalogue) -> None:
    item = item_of(healthy, "pending")
    finished = healthy.value("SELECT id FROM run WHERE state = 'finished'")
    healthy.sql("UPDATE work_item SET run_id = :run WHERE id = :id", run=finished, id=item)

    assert broken_rows(healthy) == {("I8", "run", finished), ("I6", "work_item", item)}


@pytest.mark.parametrize("state", ["skipped", "quarantined"])
def test_i8_reports_a_finished_run_whose_counts_are_off(healthy: Catalogue, state: str) -> None:
    finished = healthy.value("SELECT id FROM run WHERE state = 'finished'")
    moved = item_of(healthy, "skipped")
    healthy.sql(
        "UPDATE work_item SET run_id = :run, state = :state WHERE id = :id", run=finished, state=state, id=moved
    )

    assert broken_rows(healthy) == {("I8", "run", finished)}


@pytest.fixture
def unguarded(sessions: Sessions) -> Catalogue:
    """Make a catalogue whose tables of items and results have lost their UNIQUE keys."""
    catalogue = a_catalogue(sessions)
    for table in ("classification", "work_item"):
        catalogue.sql(f"CREATE TABLE {table}_copy AS SELECT * FROM {table}")
        catalogue.sql(f"DROP TABLE {table}")
        catalogue.sql(f"ALTER TABLE {table}_copy RENAME TO {table}")
    return catalogue


def insert_item(catalogue: Catalogue, item_id: int, object_id: int, state: str) -> None:
    catalogue.sql(
        "INSERT INTO work_item (id, object_id, version_token, model_version_id, request_id, run_id, queue, priority,"
        " state, eligible_at, fence) VALUES (:id, :object, 'v1', :model, 'scan', :run, 'nightly', 1, :state, :at, 1)",
        id=item_id,
        object=object_id,
        model=catalogue.model_id,
        run=catalogue.run_id,
        state=state,
        at=LONG_AGO,
    )
    catalogue.sql(  # the trigger went with the table
        "INSERT INTO run_count (run_id, name, items) VALUES (:run, :state, 1)", run=catalogue.run_id, state=state
    )


def test_i1_reports_an_item_that_is_there_twice(unguarded: Catalogue) -> None:
    (object_id,) = unguarded.images("a")
    for item_id in (7, 8):
        insert_item(unguarded, item_id, object_id, "pending")

    assert broken_rows(unguarded) == {("I1", "work_item", 8)}


def test_i2_reports_an_item_that_was_classified_twice(unguarded: Catalogue) -> None:
    (object_id,) = unguarded.images("a")
    insert_item(unguarded, 7, object_id, "done")
    for result_id in (1, 2):
        unguarded.sql("INSERT INTO classification (id, work_item_id, fence) VALUES (:id, 7, 1)", id=result_id)

    assert broken_rows(unguarded) == {("I2", "work_item", 7)}
