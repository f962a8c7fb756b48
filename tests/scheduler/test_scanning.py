"""Scans beside the scheduler's tick: of what was planned or left behind; a wrong source fails its run."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery
from structlog.testing import capture_logs

from db.status import status
from scheduler.scanning import STALE_SCAN_S, Scans
from scheduler.service import Scheduler
from tests.db.catalogues import LONG_AGO, Catalogue, in_the_future
from tests.scheduler.memory_store import Shelf
from tests.scheduler.scans import a_planned_run, events, sources, state
from worker import celery as broker
from worker.storage.store import Store, StoreMisconfigured, StoreUnavailable


def test_ticks_scan_what_is_planned_and_ring(
    catalogue: Catalogue, app: Celery, scheduler: Scheduler, photos_folder: Path
) -> None:
    run = a_planned_run(catalogue, photos_folder)

    scheduler.tick()
    assert scheduler.scans.wait(20)
    scheduler.tick()

    assert state(catalogue, run) == "running"
    assert catalogue.states() == dict.fromkeys(("a.jpg", "b.jpg", "c.jpg"), "pending")
    assert broker.depth(app, "nightly") == 1
    assert catalogue.violations() == []


def test_a_scan_whose_process_died_is_taken_up_once_it_is_stale(
    catalogue: Catalogue, scans: Scans, photos_folder: Path
) -> None:
    run = a_planned_run(catalogue, photos_folder, state="scanning")
    scans.start_waiting()
    assert scans.wait(20)
    fresh = state(catalogue, run)
    catalogue.sql("UPDATE run SET updated_at = :at", at=in_the_future(-STALE_SCAN_S - 1))

    scans.start_waiting()

    assert scans.wait(20)
    assert fresh == "scanning"
    assert state(catalogue, run) == "running"
    assert len(catalogue.states()) == 3


def test_a_source_that_cannot_be_opened_fails_its_run_once_and_for_all_with_the_reason(
    catalogue: Catalogue, scans: Scans, photos_folder: Path
) -> None:
    missing = photos_folder.with_name("missing")
    broken, well = a_planned_run(catalogue, missing), a_planned_run(catalogue, photos_folder)

    with capture_logs() as logged:
        for _ in range(3):
            scans.start_waiting()
            assert scans.wait(20)
            catalogue.sql("UPDATE run SET updated_at = :then", then=LONG_AGO)

    assert events(logged).count(("run_failed", broken)) == 1
    assert (state(catalogue, broken), state(catalogue, well)) == ("failed", "running")
    with catalogue.sessions() as session:
        (shown,) = [run for run in status(session)["runs"] if run["state"] == "failed"]
    assert shown["id"] == broken
    assert f"{missing.as_uri()} cannot be listed" in shown["error"]
    assert catalogue.violations() == []


@pytest.mark.parametrize(
    ("error", "ends"), [(StoreUnavailable("503"), "running"), (StoreMisconfigured("403"), "failed")]
)
def test_a_store_that_is_away_for_now_is_waited_for_and_a_wrong_one_is_not(
    catalogue: Catalogue, scans: Scans, monkeypatch: pytest.MonkeyPatch, error: Exception, ends: str
) -> None:
    shelf = Shelf(dict.fromkeys("abcdef", "v1"))
    answers = [error]

    def open_store() -> Store:
        if answers:
            raise answers.pop()
        return shelf

    sources(monkeypatch, open_store)
    run = a_planned_run(catalogue, "gate")
    for _ in range(2):
        scans.start_waiting()
        assert scans.wait(20)
        catalogue.sql("UPDATE run SET updated_at = :then", then=LONG_AGO)

    assert state(catalogue, run) == ends
