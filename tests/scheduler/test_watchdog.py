"""Alerts about nights: each once, and none for a night that is as it should be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from db import runs
from db.operations import schedule
from db.reporting import gate
from db.schema import Run
from scheduler.monitoring import watchdog
from scheduler.monitoring.health import Stall
from scheduler.monitoring.watchdog import Watchdog
from scheduler.nights import nightly
from tests.db.catalogues import Catalogue
from worker.operations import good_nights
from worker.operations.nights import begin_night
from worker.settings import Settings
from worker.watching import deadlines
from worker.watching.deadlines import trouble_so_far
from worker.watching.pace import Pace

DUE = datetime(2026, 11, 26, 2, tzinfo=UTC)
NIGHT = date(2026, 11, 26)


@dataclass
class Night:
    """A scheduler whose night is due at two and to be done by seven, and the clock it goes by."""

    catalogue: Catalogue
    settings: Settings
    at: datetime = DUE
    seconds: float = 0.0
    alerts: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dog = self.another()

    def another(self) -> Watchdog:
        return Watchdog(
            self.settings, self.catalogue.sessions, lambda alert: self.alerts.append((alert.night, alert.notice))
        )

    def look(self, at: datetime, *, again: bool = False) -> None:
        self.seconds += (at - self.at).total_seconds()
        self.at = at
        (self.another() if again else self.dog).look()

    def begin(self) -> Run:
        return begin_night(self.settings, self.catalogue.sessions, NIGHT, requested_by="schedule").run


@pytest.fixture
def night(catalogue: Catalogue, photos_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    settings = Settings(source=str(photos_folder), schedule="0 2 * * *", night_deadline=time(7))
    night = Night(catalogue, settings)
    for module in (deadlines, nightly, watchdog):
        monkeypatch.setattr(module, "now", lambda _: night.at, raising=False)
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: night.seconds)
    monkeypatch.setattr(watchdog, "LOOK_S", 0.0)
    return night


def hours(after: float) -> datetime:
    return DUE + timedelta(hours=after)


def running(night: Night, items: int) -> int:
    """Let the night have listed so many images."""
    run = night.begin()
    with night.catalogue.sessions.begin() as session:
        runs.begin_scan(session, run)
        runs.advance(session, run.id, expected="", cursor="z", counts={"seen": items, "new": items})
        runs.scanned(session, run.id)
    night.catalogue = replace(night.catalogue, model_id=run.model_version_id)
    night.catalogue.items(*map(str, range(items)), run_id=run.id)
    return run.id


def test_a_night_that_has_not_begun_is_told_once(night: Night) -> None:
    for at in (hours(0.1), hours(0.2), hours(0.3)):
        night.look(at)
        night.look(at, again=True)

    assert night.alerts == [("nightly:2026-11-26", "absent")]


def test_no_night_is_missed_while_the_schedule_is_paused(night: Night) -> None:
    with night.catalogue.sessions.begin() as session:
        schedule.pause(session, actor="person:amina", why="stocktaking")

    night.look(hours(1))

    assert night.alerts == []


def test_a_night_that_will_not_be_done_in_time_is_told_once_and_so_is_that_it_was_not(night: Night) -> None:
    run = running(night, 200)
    night.look(hours(0.5))
    assert night.catalogue.record(night.catalogue.claim(1)) == 1
    for after in (0.6, 0.65, 4.0, 5.1, 5.2):
        night.look(hours(after))
        night.look(hours(after), again=True)

    assert night.alerts == [("nightly:2026-11-26", "late"), ("nightly:2026-11-26", "missed")]
    [late] = night.catalogue.sql("SELECT detail FROM night_notice WHERE notice = 'late'")
    detail: Any = json.loads(late.detail) if isinstance(late.detail, str) else late.detail
    assert detail["run"] == run
    assert detail["deadline"] == "2026-11-26T07:00:00+00:00"
    assert detail["eta"] > detail["deadline"]


def test_a_night_that_is_done_in_time_is_not_told_of(night: Night) -> None:
    run = running(night, 2)
    night.look(hours(0.5))
    assert night.catalogue.record(night.catalogue.claim()) == 2
    night.look(hours(0.6))
    with night.catalogue.sessions.begin() as session:
        runs.close_finished(session)
    night.catalogue.sql("UPDATE run SET finished_at = :at WHERE id = :id", at=hours(0.6), id=run)
    night.look(hours(6))

    assert night.alerts == []


def test_a_night_that_was_done_too_late_while_nobody_looked_is_told(night: Night) -> None:
    run = running(night, 0)
    night.catalogue.sql("UPDATE run SET state = 'finished', finished_at = :at WHERE id = :id", at=hours(5.5), id=run)

    night.look(hours(6))

    assert night.alerts == [("nightly:2026-11-26", "missed")]


def test_a_night_that_failed_is_told_at_once(night: Night) -> None:
    run = night.begin()
    with night.catalogue.sessions.begin() as session:
        runs.fail(session, run.id, "no such bucket")

    night.look(hours(0.1))

    assert night.alerts == [("nightly:2026-11-26", "late")]


def test_what_the_gate_found_is_told_once(night: Night) -> None:
    run = night.begin()
    with night.catalogue.sessions.begin() as session:
        gate.note(session, run.id, "held", {"text": "all grey"})

    for after in (0.1, 0.2):
        night.look(hours(after), again=after > 0.1)

    assert night.alerts == [("nightly:2026-11-26", "gate")]


def test_an_alert_is_an_error_in_the_log(night: Night) -> None:
    night.dog = Watchdog(night.settings, night.catalogue.sessions)

    with capture_logs() as logged:
        night.look(hours(1))

    assert [(entry["event"], entry["log_level"], entry["night"]) for entry in logged] == [
        ("night_absent", "error", "nightly:2026-11-26")
    ]


def test_who_asks_later_is_told_what_a_scheduler_has_noted(night: Night) -> None:
    running(night, 20)
    night.look(hours(0.5))
    night.look(hours(0.6))
    night.at = hours(0.7)

    with night.catalogue.sessions() as session:
        found = trouble_so_far(session, night.settings, night.at)

    assert found is not None
    assert found.notice == "late"


def test_good_nights_alone_are_pinged_each_once(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    pinged: list[str] = []
    monkeypatch.setattr(good_nights, "ping", lambda _, key: pinged.append(key))
    night.settings.ping_url = SecretStr("http://localhost/x")
    counts = {
        "good": {"seen": 3, "new": 1, "gone_refused": 0, "tagged": 1, "skipped": 0, "quarantined": 0},
        "quiet": {"seen": 3, "new": 0, "gone_refused": 0, "tagged": 0, "skipped": 0, "quarantined": 0},
        "empty": {"seen": 0, "new": 0, "gone_refused": 0, "tagged": 0, "skipped": 0, "quarantined": 0},
        "refused": {"seen": 3, "new": 0, "gone_refused": 20, "tagged": 0, "skipped": 0, "quarantined": 0},
        "in vain": {"seen": 3, "new": 3, "gone_refused": 0, "tagged": 0, "skipped": 3, "quarantined": 0},
        "joined": {"seen": 3, "new": 0, "gone_refused": 0, "tagged": 0, "joined_to": 1},
    }
    with night.catalogue.sessions.begin() as session:
        model = runs.register_model(session, "net", "1")
        for key, counted in counts.items():
            run, _ = runs.open_run(
                session, logical_key=key, kind="nightly", selection={}, model=model, requested_by="schedule"
            )
            run.state, run.counts, run.finished_at = "finished", counted, datetime.now(UTC)

    for _ in range(2):
        night.look(hours(0.05))
        night.look(hours(0.05), again=True)

    assert pinged == ["good", "quiet"]


def test_a_pace_says_nothing_too_early_and_knows_when_nothing_moves() -> None:
    pace = Pace()
    left = []
    for at_s, items in ((0, 100), (30, 90), (60, 80), (300, 80), (1000, 80), (1300, 80)):
        pace.add(at_s, 1, done=100 - items, left=items)
        left.append(pace.seconds_left())
    pace.add(1310, 2, done=0, left=50)

    assert left == [None, None, 240.0, 1200.0, None, float("inf")]
    assert pace.seconds_left() is None


def test_work_stands_still_when_it_waits_and_nothing_is_done_for_five_minutes() -> None:
    stall = Stall()
    seen = [(0, 5, 0), (200, 5, 1), (499, 5, 1), (500, 5, 1), (560, 5, 1), (600, 5, 2), (950, 0, 2), (1200, 3, 2)]

    changes = [stall.add(at_s, claimable=waiting, settled=done) for at_s, waiting, done in seen]

    assert changes == [False, False, False, True, False, True, False, False]


def test_a_stall_is_an_error_in_the_log_and_so_is_told_that_it_ended(night: Night) -> None:
    night.catalogue.items("a", "b")
    with night.catalogue.sessions.begin() as session:
        schedule.pause(session, actor="person:amina", why="so that nothing else is told")

    with capture_logs() as logged:
        for after in (0.0, 0.05, 0.1, 0.2):
            night.look(hours(after))
        night.catalogue.record(night.catalogue.claim(1))
        night.look(hours(0.25))

    stalled, goes_on = logged
    assert (stalled["event"], stalled["log_level"], stalled["nightly"]) == ("work_stalled", "error", 2)
    assert goes_on["event"] == "work_goes_on"
