"""Nights: one run for each date, however many schedulers run and whatever their clocks do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from structlog.testing import capture_logs

from db import runs
from db.operations import notes, schedule
from db.schema import Run
from scheduler.nights import nightly
from scheduler.nights.nightly import Nights
from scheduler.service import Scheduler
from tests.db.catalogues import Catalogue
from tests.scheduler.scans import a_planned_run, state
from worker.operations.nights import begin_night
from worker.settings import BadSettings, Settings

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Clock:
    """The database's clock, as the nights see it."""

    at = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def __call__(self, _: object) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(nightly, "now", clock)
    return clock


@pytest.fixture
def settings(photos_folder: Path) -> Settings:
    return Settings(source=str(photos_folder), schedule="30 2 * * *", timezone="Europe/Berlin")


def nights_of(catalogue: Catalogue) -> list[str]:
    rows = catalogue.sql("SELECT logical_key FROM run WHERE kind = 'nightly' ORDER BY id")
    return [key for (key,) in rows]


def test_any_number_of_schedulers_started_in_a_change_night_open_one_run_a_date(
    catalogue: Catalogue, clock: Clock, settings: Settings
) -> None:
    begun = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
    for minute in range(0, 28 * 60, 9):  # each of them is new, as after a restart; every minute: test_calendar
        clock.at = begun + minute * MINUTE
        Nights(settings, catalogue.sessions).open_due()
        Nights(settings, catalogue.sessions).open_due()

    assert nights_of(catalogue) == ["nightly:2026-10-24", "nightly:2026-10-25"]
    assert catalogue.violations() == []


def test_a_clock_that_is_set_back_an_hour_opens_no_second_run(
    catalogue: Catalogue, clock: Clock, settings: Settings
) -> None:
    nights = Nights(settings, catalogue.sessions)
    for back in (timedelta(), HOUR, timedelta(), 2 * HOUR, timedelta()):
        clock.at = datetime(2026, 10, 25, 0, 31, tzinfo=UTC) - back
        nights.open_due()
        Nights(settings, catalogue.sessions).open_due()

    assert nights_of(catalogue) == ["nightly:2026-10-25"]


def test_of_schedulers_that_ask_at_once_one_opens_the_night(catalogue: Catalogue, settings: Settings) -> None:
    def ask(_: int) -> str:
        return begin_night(settings, catalogue.sessions, date(2026, 10, 25), requested_by="schedule").outcome

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(ask, range(4)))

    assert outcomes == ["opened", "there", "there", "there"]
    assert nights_of(catalogue) == ["nightly:2026-10-25"]


def test_the_last_missed_night_is_caught_up_and_no_other(
    catalogue: Catalogue, clock: Clock, settings: Settings
) -> None:
    clock.at = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
    Nights(settings, catalogue.sessions).open_due()
    clock.at = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
    Nights(settings, catalogue.sessions).open_due()

    assert nights_of(catalogue) == ["nightly:2026-11-24"]


def test_the_default_schedule_has_missed_nothing_where_there_never_was_a_night(
    catalogue: Catalogue, clock: Clock, photos_folder: Path
) -> None:
    nights = Nights(Settings(source=str(photos_folder)), catalogue.sessions)
    for clock.at in (datetime(2026, 11, day, hour, tzinfo=UTC) for day, hour in ((22, 10), (22, 11), (23, 2))):
        nights.open_due()

    assert nights_of(catalogue) == ["nightly:2026-11-23"]


def test_a_night_is_scanned_by_the_scheduler_that_opens_it(
    catalogue: Catalogue, app: Celery, clock: Clock, settings: Settings
) -> None:
    scheduler = Scheduler(settings, catalogue.sessions, app)
    scheduler.tick()
    assert scheduler.scans.wait(60)

    [row] = catalogue.sql("SELECT state, requested_by, counts FROM run WHERE kind = 'nightly'")

    assert (row.state, row.requested_by) == ("running", "schedule")
    assert catalogue.value("SELECT count(*) FROM work_item WHERE queue = 'nightly'") == 3
    scheduler.stop()


def test_a_night_that_overlaps_is_joined_to_the_running_one_which_lists_anew(
    catalogue: Catalogue, clock: Clock, settings: Settings
) -> None:
    first = begin_night(settings, catalogue.sessions, date(2026, 10, 24), requested_by="schedule").run
    with catalogue.sessions.begin() as session:
        runs.begin_scan(session, first)
        runs.advance(session, first.id, expected="", cursor="z", counts={"seen": 3, "new": 3})
        runs.scanned(session, first.id)
    with capture_logs() as logged:
        night = Nights(settings, catalogue.sessions).open_due()

    assert night is not None
    assert (night.outcome, night.works_in.id) == ("joined", first.id)
    with catalogue.sessions() as session:
        running = session.get_one(Run, first.id)
        assert (running.state, running.cursor, running.counts["new"]) == ("planned", "", 3)
        [note] = notes.of_run(session, first.id)
    assert "nightly:2026-10-25 was due" in note["text"]
    assert state(catalogue, night.run.id) == "finished"
    [entry] = [entry for entry in logged if entry["event"] == "night_joined"]
    assert entry["joined_to"] == first.id
    assert Nights(settings, catalogue.sessions).open_due() is None
    assert catalogue.violations() == []


def test_a_night_does_not_join_one_that_is_paused_or_of_another_source(
    catalogue: Catalogue, clock: Clock, settings: Settings, tmp_path: Path
) -> None:
    a_planned_run(catalogue, tmp_path, state="running")
    first = begin_night(settings, catalogue.sessions, date(2026, 10, 24), requested_by="schedule").run
    catalogue.sql("UPDATE run SET state = 'paused' WHERE id = :id", id=first.id)

    night = Nights(settings, catalogue.sessions).open_due()

    assert night is not None
    assert night.outcome == "opened"


def test_a_night_that_failed_is_opened_again_by_hand_alone(
    catalogue: Catalogue, clock: Clock, settings: Settings
) -> None:
    nights = Nights(settings, catalogue.sessions)
    night = nights.open_due()
    assert night is not None
    with catalogue.sessions.begin() as session:
        runs.fail(session, night.run.id, "the bucket is gone")

    assert Nights(settings, catalogue.sessions).open_due() is None
    again = begin_night(settings, catalogue.sessions, date(2026, 10, 25), requested_by="person:amina")

    assert (again.outcome, again.run.id, again.run.state) == ("reopened", night.run.id, "planned")
    assert "error" not in again.run.counts


def test_nothing_begins_while_the_schedule_is_paused_and_what_was_due_is_caught_up(
    catalogue: Catalogue, clock: Clock, settings: Settings
) -> None:
    nights = Nights(settings, catalogue.sessions)
    with catalogue.sessions.begin() as session:
        schedule.pause(session, actor="person:amina", why="stocktaking")
    with capture_logs() as logged:
        begun: list[Any] = [nights.open_due(), nights.open_due()]
    with catalogue.sessions.begin() as session:
        [ended] = schedule.resume(session, actor="person:juma")

    assert begun == [None, None]
    assert [(entry["event"], entry["reason"]) for entry in logged] == [("night_paused", "amina: stocktaking")]
    assert ended.resumed_by == "person:juma"
    assert nights.open_due() is not None


def test_a_bundle_that_is_not_there_is_told_once_and_met_again(
    catalogue: Catalogue, clock: Clock, settings: Settings
) -> None:
    nights = Nights(settings.model_copy(update={"model": "nobody"}), catalogue.sessions)

    with capture_logs() as logged:
        nights.open_due()
        nights.open_due()

    assert [(entry["event"], entry["log_level"]) for entry in logged] == [("night_not_opened", "error")]
    assert nights_of(catalogue) == []


def test_no_night_begins_without_a_source_or_with_the_schedule_off(
    catalogue: Catalogue, clock: Clock, settings: Settings
) -> None:
    off = settings.model_copy(update={"schedule": "off"})

    assert Nights(off, catalogue.sessions).open_due() is None
    assert Nights(Settings(), catalogue.sessions).open_due() is None
    with pytest.raises(BadSettings, match="TAGGER_SOURCE"):
        begin_night(Settings(), catalogue.sessions, date(2026, 10, 25), requested_by="schedule")


def test_a_pause_ends_by_itself(catalogue: Catalogue) -> None:
    with catalogue.sessions.begin() as session:
        schedule.pause(session, actor="person:amina", why="x", until=datetime.now(UTC) + HOUR)
        assert schedule.standing_pause(session) is not None
        schedule.pause(session, actor="person:amina", why="x", until=datetime.now(UTC) - MINUTE)

        assert schedule.standing_pause(session) is None
        assert schedule.resume(session, actor="person:amina") == []
