"""The scheduler: of any number one leads, the next one takes over, and every step survives a failing one."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery
from structlog.testing import capture_logs

from db import heartbeats, runs
from db.session import connect, sessions_of
from scheduler.service import STALE_SCAN_S, Scheduler
from tests.db.catalogues import LONG_AGO, Catalogue, in_the_future
from worker import celery as broker
from worker.settings import Settings


def scheduler(catalogue: Catalogue, app: Celery, holder: str, **settings: object) -> Scheduler:
    made = Scheduler(Settings(**settings), catalogue.sessions, app)  # type: ignore[arg-type]
    made.holder = holder
    return made


@pytest.fixture
def first(catalogue: Catalogue, app: Celery) -> Scheduler:
    return scheduler(catalogue, app, "host:1")


@pytest.fixture
def second(catalogue: Catalogue, app: Celery) -> Scheduler:
    return scheduler(catalogue, app, "host:2")


def leader(catalogue: Catalogue) -> str | None:
    with catalogue.sessions() as session:
        lease = heartbeats.leader(session, heartbeats.SCHEDULER)
        return lease.holder if lease else None


# The lease


def test_of_two_schedulers_one_leads_and_keeps_leading(
    catalogue: Catalogue, first: Scheduler, second: Scheduler
) -> None:
    acted = [first.tick(), second.tick(), first.tick(), second.tick()]

    assert acted == [True, False, True, False]
    assert leader(catalogue) == "host:1"


def test_another_takes_over_when_the_lease_is_over(catalogue: Catalogue, first: Scheduler, second: Scheduler) -> None:
    first.tick()
    catalogue.sql("UPDATE leader_lease SET expires_at = :then", then=LONG_AGO)
    nobody = leader(catalogue)

    acted = [second.tick(), first.tick()]

    assert nobody is None
    assert acted == [True, False]
    assert leader(catalogue) == "host:2"


def test_a_scheduler_that_resigns_need_not_be_waited_for(
    catalogue: Catalogue, first: Scheduler, second: Scheduler
) -> None:
    first.tick()

    first.resign()

    assert leader(catalogue) is None
    assert second.tick() is True


def test_only_the_leader_can_resign(catalogue: Catalogue, first: Scheduler, second: Scheduler) -> None:
    first.tick()

    second.resign()

    assert leader(catalogue) == "host:1"


def test_a_lease_lasts_half_a_minute_and_its_fence_grows_with_every_tick(
    catalogue: Catalogue, first: Scheduler
) -> None:
    first.tick()
    fence = catalogue.value("SELECT fence FROM leader_lease")

    first.tick()

    assert catalogue.value("SELECT fence FROM leader_lease") > fence
    soon, late = in_the_future(heartbeats.LEADER_S - 10), in_the_future(heartbeats.LEADER_S + 1)
    ends = "SELECT count(*) FROM leader_lease WHERE expires_at BETWEEN :soon AND :late"
    assert catalogue.value(ends, soon=soon, late=late) == 1


def test_who_does_not_lead_does_nothing(catalogue: Catalogue, app: Celery, first: Scheduler, second: Scheduler) -> None:
    first.tick()
    catalogue.items("a")

    second.tick()

    assert broker.depth(app, "nightly") == 0
    first.tick()
    assert broker.depth(app, "nightly") == 1


# Its steps


def test_a_tick_closes_the_runs_that_have_nothing_left_to_do(catalogue: Catalogue, first: Scheduler) -> None:
    waiting = catalogue.another_run("scan:2")
    catalogue.items("a", run_id=waiting)

    first.tick()

    states = dict(catalogue.sql("SELECT id, state FROM run"))
    assert states == {catalogue.run_id: "finished", waiting: "running"}
    assert catalogue.violations() == []


def a_planned_run(catalogue: Catalogue, source: Path, *, state: str = "planned") -> int:
    with catalogue.sessions.begin() as session:
        model = runs.register_model(session, "net", "1")
        run, _ = runs.open_run(
            session,
            logical_key=f"nightly:{source.name}",
            kind="nightly",
            selection={"source": str(source)},
            model=model,
            requested_by="schedule",
            state=state,
        )
        return run.id


@pytest.fixture
def photos_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(b"not read by a scan")
    return folder


def test_a_tick_scans_what_is_planned_and_rings(
    catalogue: Catalogue, app: Celery, first: Scheduler, photos_folder: Path
) -> None:
    run = a_planned_run(catalogue, photos_folder)

    first.tick()

    assert catalogue.value("SELECT state FROM run WHERE id = :id", id=run) == "running"
    assert catalogue.states() == dict.fromkeys(("a.jpg", "b.jpg", "c.jpg"), "pending")
    assert broker.depth(app, "nightly") == 1
    assert catalogue.violations() == []


def test_a_scan_whose_process_died_is_taken_up_once_it_is_stale(
    catalogue: Catalogue, first: Scheduler, photos_folder: Path
) -> None:
    run = a_planned_run(catalogue, photos_folder, state="scanning")
    first.tick()
    fresh = catalogue.value("SELECT state FROM run WHERE id = :id", id=run)
    catalogue.sql("UPDATE run SET updated_at = :at", at=in_the_future(-STALE_SCAN_S - 1))

    first.tick()

    assert fresh == "scanning"
    assert catalogue.value("SELECT state FROM run WHERE id = :id", id=run) == "running"
    assert len(catalogue.states()) == 3


def test_a_source_that_cannot_be_listed_stops_neither_the_tick_nor_other_runs(
    catalogue: Catalogue, app: Celery, first: Scheduler, photos_folder: Path
) -> None:
    broken = a_planned_run(catalogue, photos_folder.with_name("missing"))
    well = a_planned_run(catalogue, photos_folder)

    with capture_logs() as logged:
        acted = first.tick()

    assert acted is True
    assert ("scan_failed", broken) in [(entry["event"], entry.get("run")) for entry in logged]
    assert dict(catalogue.sql("SELECT id, state FROM run WHERE kind = 'nightly'")) == {
        broken: "scanning",
        well: "running",
    }
    assert broker.depth(app, "nightly") == 1


def test_a_database_that_is_down_is_met_again_at_the_next_tick(app: Celery) -> None:
    engine = connect("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    lost = Scheduler(Settings(), sessions_of(engine), app)

    with capture_logs() as logged:
        acted = lost.tick()
        lost.resign()

    assert acted is False
    assert [entry["event"] for entry in logged] == ["tick_failed", "resign_failed"]
    engine.dispose()
