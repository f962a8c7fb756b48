"""Scans end at their next page when told to, or when the lease is lost; a store that hangs keeps nobody waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from structlog.testing import capture_logs

from db.session import connect, sessions_of
from scheduler.service import Scheduler
from stack.processes import wait_until
from tests.db import templates
from tests.db.catalogues import LONG_AGO, Catalogue, a_catalogue
from tests.e2e.deployment import Deployment
from tests.faults.s3_server import BUCKET, LISTING, Fault, FaultyS3
from tests.scheduler.memory_store import Gate
from tests.scheduler.scans import a_planned_run, events, sources, state
from worker.settings import Settings


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Give runs of the source "gate" a store that hangs."""
    gate = Gate(dict.fromkeys("abcdef", "v1"))
    sources(monkeypatch, lambda: gate)
    yield gate
    gate.opened.set()


def test_a_store_that_hangs_keeps_neither_the_tick_nor_other_scans_waiting(
    catalogue: Catalogue, scheduler: Scheduler, gate: Gate, photos_folder: Path
) -> None:
    hanging, well = a_planned_run(catalogue, "gate"), a_planned_run(catalogue, photos_folder)

    acted = scheduler.tick()
    assert gate.hangs.wait(20)
    catalogue.sql("UPDATE run SET updated_at = :then", then=LONG_AGO)
    again = scheduler.tick()

    assert not scheduler.scans.wait(0.5)
    assert (acted, again) == (True, True)
    assert state(catalogue, hanging) == "scanning"
    wait_until(lambda: state(catalogue, well) == "running", "the other scan", 20)
    assert [thread.name for thread in threading.enumerate()].count(f"scan-{hanging}") == 1


def test_a_scan_that_is_told_to_stop_ends_at_its_next_page_and_another_goes_on_there(
    catalogue: Catalogue, scheduler: Scheduler, gate: Gate
) -> None:
    run = a_planned_run(catalogue, "gate")
    with capture_logs() as logged:
        scheduler.tick()
        assert gate.hangs.wait(20)

        scheduler.scans.stop()
        gate.opened.set()

        assert scheduler.scans.wait(20)
    assert events(logged)[-1] == ("scan_stopped", run)
    assert (state(catalogue, run), set(catalogue.states())) == ("scanning", {"a", "b"})

    catalogue.sql("UPDATE run SET updated_at = :then", then=LONG_AGO)
    scheduler.tick()

    assert scheduler.scans.wait(20)
    assert gate.listed_from == ["", "b"]
    assert (state(catalogue, run), len(catalogue.states())) == ("running", 6)
    assert catalogue.violations() == []


def test_a_scheduler_that_has_lost_the_lease_stops_its_scans(
    catalogue: Catalogue, app: Celery, scheduler: Scheduler, gate: Gate
) -> None:
    run = a_planned_run(catalogue, "gate")
    scheduler.tick()
    assert gate.hangs.wait(20)
    catalogue.sql("UPDATE leader_lease SET expires_at = :then", then=LONG_AGO)
    other = Scheduler(Settings(), catalogue.sessions, app)
    other.holder = "host:2"
    assert other.tick()

    assert not scheduler.tick()
    gate.opened.set()

    assert scheduler.scans.wait(20)
    assert (state(catalogue, run), set(catalogue.states())) == ("scanning", {"a", "b"})


def test_sigterm_ends_a_scheduler_in_seconds_while_its_store_hangs(tmp_path: Path) -> None:
    with FaultyS3() as store:
        store.script(LISTING, *[Fault(stall_after=0)] * 20)
        deployment = Deployment(
            tmp_path,
            {
                "TAGGER_DATABASE_URL": templates.make_file(tmp_path / "catalogue.db"),
                "TAGGER_S3_ENDPOINT_URL": store.url,
                "TAGGER_S3_ACCESS_KEY_ID": "key",
                "TAGGER_S3_SECRET_ACCESS_KEY": "secret",
            },
        )
        engine = connect(deployment.settings["TAGGER_DATABASE_URL"])
        a_planned_run(a_catalogue(sessions_of(engine)), f"s3://{BUCKET}/")
        engine.dispose()
        process = deployment.start("scheduler")
        wait_until(lambda: "list" in store.requests or not process.alive, "the listing", 60)
        begun = time.monotonic()

        ended = process.stop(timeout_s=30)

        assert ended == 0, process.tail()
        assert time.monotonic() - begun < 9
        assert "scheduler_stopped" in process.tail()
