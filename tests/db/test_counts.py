"""Counts of items by run and state are those of the items themselves, whoever changes them, and hold nobody up."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import text

from db import counts, objects, runs
from db.queue import leases
from db.schema import RunCount
from tests.db.catalogues import BUCKET, Catalogue, an_image_tagged, ask, count


def counted(catalogue: Catalogue) -> dict[int, dict[str, int]]:
    """Count the items themselves, and the flagged results."""
    found: dict[int, Counter[str]] = {}
    for run_id, state in catalogue.sql("SELECT run_id, state FROM work_item"):
        found.setdefault(run_id, Counter())[state] += 1
    flagged = "SELECT w.run_id FROM classification c JOIN work_item w ON w.id = c.work_item_id WHERE c.needs_review"
    for (run_id,) in catalogue.sql(flagged):
        found[run_id][counts.NEEDS_REVIEW] += 1
    return {run_id: dict(by_name) for run_id, by_name in found.items()}


def kept(catalogue: Catalogue) -> dict[int, dict[str, int]]:
    run_ids = [row[0] for row in catalogue.sql("SELECT id FROM run")]
    by_run = {run_id: ask(catalogue, counts.of_run, run_id) for run_id in run_ids}
    return {run_id: by_name for run_id, by_name in by_run.items() if by_name}  # type: ignore[misc]


def everything_happens(catalogue: Catalogue) -> None:
    """Let items of two runs be queued, claimed, ended in each way, moved to another run, and removed."""
    other = catalogue.another_run("scan:other", state="scanning")
    catalogue.items("a", "b", "c", "d", "e", "f")
    catalogue.items("g", "h", run_id=other)
    done, flagged, skipped, failed, released, _ = catalogue.claim(6, run_id=catalogue.run_id)
    catalogue.record([done])
    catalogue.record([flagged], needs_review=True, review_reason="low_confidence")
    with catalogue.sessions.begin() as session:
        leases.skip(session, skipped, "corrupt", "")
        leases.retry(session, failed, "internal", "")
        leases.release(session, [released])
        runs.fail(session, other, "no such bucket")
        model = session.get_one(runs.Run, other).model_version_id
        again = {"logical_key": "scan:again", "kind": "scan", "selection": {"source": BUCKET}}
        runs.open_run(session, **again, model=session.get_one(runs.ModelVersion, model), requested_by="person:amina")  # type: ignore[arg-type]
    catalogue.overwrite(done.object_id, "a", "v2")
    catalogue.sql("UPDATE source_object SET missing_in_run = :run WHERE key IN ('g', 'h')", run=catalogue.run_id)
    with catalogue.sessions.begin() as session:
        objects.settle_missing(session, catalogue.run_id, remove=True)


def test_they_are_the_items_numbers_whatever_happens_to_these(catalogue: Catalogue) -> None:
    everything_happens(catalogue)

    assert kept(catalogue) == counted(catalogue)
    assert ask(catalogue, counts.of_all) == {"done": 2, "skipped": 3, "pending": 3, "leased": 1}


def test_what_is_deleted_counts_no_more(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "a")
    catalogue.items("b")
    catalogue.record(catalogue.claim(), needs_review=True, review_reason="audit")

    catalogue.sql("DELETE FROM classification")
    catalogue.sql("DELETE FROM work_item")

    assert kept(catalogue) == {}


def test_what_is_rolled_back_was_never_counted(catalogue: Catalogue) -> None:
    catalogue.items("a")
    with catalogue.sessions() as session:
        session.execute(text("UPDATE work_item SET state = 'cancelled'"))
        assert counts.of_all(session) == {"cancelled": 1}

    assert ask(catalogue, counts.of_all) == {"pending": 1}


def test_folding_makes_few_rows_of_many_and_changes_no_count(postgres_catalogue: Catalogue) -> None:
    catalogue = postgres_catalogue
    for number in range(counts._CROWDED + 1):
        an_image_tagged(catalogue, f"{number}")
    before, rows = kept(catalogue), count(catalogue.sessions, RunCount)

    ask(catalogue, counts.fold)

    assert rows > 500
    assert count(catalogue.sessions, RunCount) == 1
    assert kept(catalogue) == before == {catalogue.run_id: {"done": counts._CROWDED + 1}}


def test_changes_of_one_runs_items_wait_for_no_other_and_for_no_fold(postgres_catalogue: Catalogue) -> None:
    catalogue = postgres_catalogue
    catalogue.items("a", "b")
    for change in (1, -1) * counts._CROWDED:
        catalogue.sql(
            "INSERT INTO run_count (run_id, name, items) VALUES (:run, 'done', :change)",
            run=catalogue.run_id,
            change=change,
        )
    with catalogue.sessions.begin() as first, catalogue.sessions.begin() as second:
        for session in (first, second):
            session.execute(text("SET LOCAL lock_timeout = '50ms'"))
        counts.fold(first)

        first.execute(text("UPDATE work_item SET state = 'cancelled' WHERE object_id = 1"))
        second.execute(text("UPDATE work_item SET state = 'cancelled' WHERE object_id = 2"))
        counts.fold(second)

    assert kept(catalogue) == counted(catalogue)


def test_a_run_whose_counts_are_wrong_does_not_end_before_its_items(catalogue: Catalogue) -> None:
    catalogue.items("a")
    catalogue.sql("DELETE FROM run_count")

    assert ask(catalogue, runs.close_finished) == []
