"""A run that failed says why, loses no work, and is not gone on with: who asks again gets a new one."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from db import runs
from db.schema import ModelVersion, Run
from tests.db.catalogues import BUCKET, Catalogue, ask, keys_of


def fail(catalogue: Catalogue, run: int) -> Run:
    """Let a run fail; returns it."""
    with catalogue.sessions.begin() as session:
        runs.fail(session, run, "no such bucket")
    with catalogue.sessions() as session:
        return session.get_one(Run, run)


def run_again(session: Session, catalogue: Catalogue, selection: dict[str, object]) -> Run:
    model = session.get_one(ModelVersion, catalogue.model_id)
    run, _ = runs.open_run(
        session, logical_key="scan:again", kind="scan", selection=selection, model=model, requested_by="person:amina"
    )
    return run


@pytest.mark.parametrize("state", ["planned", "scanning"])
def test_a_run_fails_with_its_reason_and_keeps_what_it_counted(catalogue: Catalogue, state: str) -> None:
    run = fail(catalogue, catalogue.another_run("scan:2", state=state))

    assert (run.state, run.counts["error"], run.counts["seen"]) == ("failed", "no such bucket", 0)
    assert run.finished_at is not None


@pytest.mark.parametrize("state", ["running", "paused", "finished", "cancelled"])
def test_only_a_run_that_is_being_scanned_can_fail(catalogue: Catalogue, state: str) -> None:
    run = fail(catalogue, catalogue.another_run("scan:2", state=state))

    assert (run.state, "error" in run.counts) == (state, False)


def test_a_failed_run_is_neither_scanned_nor_gone_on_with(catalogue: Catalogue) -> None:
    run = catalogue.another_run("scan:2", state="scanning")
    fail(catalogue, run)

    with catalogue.sessions.begin() as session:
        assert runs.abandoned_scans(session, stale_s=-60) == []
        same_work = {"kind": "scan", "selection": {"source": BUCKET}, "model_version_id": catalogue.model_id}
        unfinished = runs.unfinished(session, **same_work)

    assert unfinished is not None
    assert unfinished.id == catalogue.run_id


def test_what_a_failed_run_queued_is_tagged_all_the_same(catalogue: Catalogue) -> None:
    run = catalogue.another_run("scan:2", state="scanning")
    catalogue.items("a", "b", run_id=run)
    fail(catalogue, run)

    items = catalogue.claim()

    assert keys_of(items) == ["a", "b"]
    assert catalogue.record(items) == 2
    assert catalogue.violations() == []


def test_a_new_run_of_the_same_work_takes_over_what_a_failed_one_left_open(catalogue: Catalogue) -> None:
    failed = catalogue.another_run("scan:2", state="scanning")
    catalogue.items("a", "b", "c", run_id=failed)
    done = catalogue.claim(1)
    catalogue.record(done)
    leased = catalogue.claim(1)
    fail(catalogue, failed)

    other = ask(catalogue, run_again, catalogue, {"source": "elsewhere"})
    catalogue.sql("UPDATE run SET logical_key = 'scan:elsewhere' WHERE logical_key = 'scan:again'")
    again = ask(catalogue, run_again, catalogue, {"source": BUCKET})

    assert isinstance(other, Run)
    assert isinstance(again, Run)
    owners = dict(catalogue.sql("SELECT o.key, w.run_id FROM work_item w JOIN source_object o ON o.id = w.object_id"))
    assert owners == {"a": failed, "b": again.id, "c": again.id}
    assert catalogue.record(leased) == 1
    assert keys_of(catalogue.claim(run_id=again.id)) == ["c"]
    assert catalogue.violations() == []


@pytest.mark.parametrize("ended", ["finished", "cancelled", "failed"])
def test_a_run_that_has_ended_since_it_was_read_is_not_scanned_again(postgres_catalogue: Catalogue, ended: str) -> None:
    run_id = postgres_catalogue.another_run("scan:ends", state="running")
    with postgres_catalogue.sessions.begin() as session:
        run = session.get_one(Run, run_id)
        postgres_catalogue.sql("UPDATE run SET state = :ended WHERE id = :id", ended=ended, id=run_id)

        begun = runs.begin_scan(session, run)

    assert not begun
    assert postgres_catalogue.value("SELECT state FROM run WHERE id = :id", id=run_id) == ended


def test_a_page_that_another_scanner_has_recorded_is_refused_while_the_scan_goes_on(catalogue: Catalogue) -> None:
    run_id = catalogue.another_run("scan:two", state="scanning")
    page = {"expected": "", "cursor": "m", "counts": {"seen": 3}}
    ask(catalogue, lambda session: runs.advance(session, run_id, **page))

    with pytest.raises(runs.ScanTakenOver):
        ask(catalogue, lambda session: runs.advance(session, run_id, **page))

    with catalogue.sessions() as session:
        run = session.get_one(Run, run_id)
        assert (run.state, run.cursor, run.counts["seen"]) == ("scanning", "m", 3)
