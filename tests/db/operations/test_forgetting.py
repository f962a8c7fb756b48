"""Forgetting removes all rows of an image and none of others, in small steps, whatever happens meanwhile."""

from __future__ import annotations

import pytest

from db import runs
from db.operations import forgetting
from db.schema import Run
from tests.db.catalogues import Catalogue, an_image_tagged, reprocess
from tests.scheduler.memory_store import Shelf
from tests.scheduler.scans import present, scan, tag_all
from worker.operations.forgetting import forget_all


def forget(catalogue: Catalogue, prefix: str, *, for_good: bool = False) -> list[int]:
    steps: list[int] = []
    forget_all(catalogue.sessions, [forgetting.of_source("photos", prefix)], for_good=for_good, on_step=steps.append)
    return steps


def rows(catalogue: Catalogue) -> dict[str, int]:
    tables = ("source_object", "work_item", "classification", "image_tag", "tag_event")
    return {table: int(catalogue.value(f"SELECT count(*) FROM {table}")) for table in tables}


def test_all_rows_of_an_image_go_and_those_of_others_stay(catalogue: Catalogue) -> None:
    kept = an_image_tagged(catalogue, "kept")
    before = rows(catalogue)
    object_id = an_image_tagged(catalogue, "old/gone")
    reprocess(catalogue, object_id, "Coat")
    catalogue.decide(object_id, "Dress")

    assert forget(catalogue, "old/") == [1]

    assert rows(catalogue) == before
    assert catalogue.sql("SELECT object_id FROM image_tag") == [(kept,)]
    assert catalogue.violations() == []


def test_counts_of_runs_that_have_ended_are_those_of_what_is_left(catalogue: Catalogue) -> None:
    shelf = Shelf(dict.fromkeys(("a", "b", "old/c"), "v1"))
    run = catalogue.another_run("scan:ended", state="scanning")
    scan(catalogue, shelf, run=run)
    tag_all(catalogue)
    with catalogue.sessions.begin() as session:
        assert run in runs.close_finished(session)

    forget(catalogue, "old/")

    with catalogue.sessions() as session:
        assert session.get_one(Run, run).counts["tagged"] == 2
    assert catalogue.violations() == []


def test_many_images_go_in_small_steps(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "STEP", 3)
    catalogue.items(*"abcdefgh")

    assert forget(catalogue, "") == [3, 6, 8]


def test_a_worker_that_has_an_image_records_nothing_of_it(catalogue: Catalogue) -> None:
    catalogue.items("a", "b")
    items = catalogue.claim()

    forget(catalogue, "a")

    assert catalogue.record(items) == 1
    assert present(catalogue).keys() == {"b"}
    assert catalogue.violations() == []


def test_a_worker_that_comes_back_late_writes_nothing_on_the_image_that_came_next(catalogue: Catalogue) -> None:
    catalogue.items("a", "forgotten")
    held = catalogue.claim()
    forget(catalogue, "forgotten")
    catalogue.items("next")
    assert [item.key for item in catalogue.claim()] == ["next"]

    assert catalogue.record(held, "Coat") == 1
    assert catalogue.sql("SELECT key FROM image_tag t JOIN source_object o ON o.id = t.object_id") == [("a",)]


def test_a_number_that_was_forgotten_is_given_to_nobody_else(catalogue: Catalogue) -> None:
    """A page of the review holds that of an image; a copy of the tags that of an event, and asks what is newer."""
    newest = "SELECT max(o.id), max(w.id), max(e.id) FROM source_object o, work_item w, tag_event e"
    an_image_tagged(catalogue, "kept")
    an_image_tagged(catalogue, "forgotten")
    before = catalogue.sql(newest)[0]
    forget(catalogue, "forgotten")

    an_image_tagged(catalogue, "next")

    assert all(now > then for now, then in zip(catalogue.sql(newest)[0], before, strict=True))


def test_who_decided_is_counted_by_name(catalogue: Catalogue) -> None:
    for key, person in (("a", "amina"), ("b", "amina"), ("c", "joe")):
        object_id = an_image_tagged(catalogue, key)
        catalogue.decide(object_id, "Coat", person)
        catalogue.decide(object_id, "Dress", person)
    an_image_tagged(catalogue, "d")

    with catalogue.sessions() as session:
        figures = forgetting.figures(session, [forgetting.of_source("photos", "")])

    assert figures == forgetting.Figures(4, {"amina": 2, "joe": 1})


def test_only_what_is_forgotten_for_good_stays_out(catalogue: Catalogue) -> None:
    shelf = Shelf(dict.fromkeys("abc", "v1"))
    scan(catalogue, shelf)
    forget(catalogue, "a")
    forget(catalogue, "b", for_good=True)

    found = scan(catalogue, shelf, limit=5)
    elsewhere = scan(catalogue, Shelf({"b": "v1"}, bucket="other"))

    assert (found.new, found.left_out, elsewhere.new) == (1, 1, 1)
    assert present(catalogue).keys() == {"a", "c", "b"}
    assert catalogue.value("SELECT count(*) FROM source_object WHERE bucket = 'photos' AND key = 'b'") == 0


def test_a_source_that_is_being_listed_is_not_forgotten(catalogue: Catalogue) -> None:
    run = catalogue.another_run("scan:now", state="scanning")
    catalogue.sql("UPDATE run SET bucket = 'photos' WHERE id = :id", id=run)

    with pytest.raises(forgetting.ForgetRefused, match=f"run {run} is listing photos"), catalogue.sessions() as session:
        forgetting.end_runs(session, "photos", "s3://photos/")
