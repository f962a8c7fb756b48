"""The scheduler: of any number one leads, the next one takes over, and every step survives a failing one."""

from __future__ import annotations

import pytest
from celery import Celery
from structlog.testing import capture_logs

from db import heartbeats
from db.session import connect, sessions_of
from scheduler.service import Scheduler
from tests.db.catalogues import LONG_AGO, Catalogue, ask, in_the_future
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

    first.stop()

    assert leader(catalogue) is None
    assert second.tick() is True


def test_one_that_waits_for_its_turn_is_alive_until_it_stops(
    catalogue: Catalogue, first: Scheduler, second: Scheduler
) -> None:
    first.tick()
    assert second.tick() is False

    def living() -> object:
        return ask(catalogue, heartbeats.alive_on, "host", heartbeats.SCHEDULER)

    assert living().name == "host:2"  # type: ignore[attr-defined]
    second.stop()
    assert living().name == "host:1"  # type: ignore[attr-defined]


def test_only_the_leader_can_resign(catalogue: Catalogue, first: Scheduler, second: Scheduler) -> None:
    first.tick()

    second.stop()

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
    catalogue.items("a", run_id=catalogue.another_run("scan:2"))

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


def test_a_database_that_is_down_is_met_again_at_the_next_tick(app: Celery) -> None:
    engine = connect("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    lost = Scheduler(Settings(), sessions_of(engine), app)

    with capture_logs() as logged:
        acted = lost.tick()
        lost.stop()

    assert acted is False
    assert [entry["event"] for entry in logged] == ["tick_failed", "resign_failed"]
    engine.dispose()


def test_a_step_that_fails_keeps_no_other_from_being_taken(
    catalogue: Catalogue, first: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = catalogue.another_run("scan:2")
    catalogue.items("a", run_id=waiting)
    monkeypatch.setattr("db.runs.close_finished", lambda _: 1 / 0)

    with capture_logs() as logged:
        acted = first.tick()

    assert acted is True
    assert broker.depth(first.app, "nightly") == 1
    assert [(entry["event"], entry["step"]) for entry in logged] == [("step_failed", "_close_finished")]
