"""The night that a Celery message asks for: today's, once, unless the schedule is paused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from db.operations import schedule
from db.session import Sessions
from tests.db.catalogues import Catalogue
from worker import service, tasks
from worker.settings import Settings


@pytest.fixture
def asked(sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """A worker's child with a folder to tag."""
    monkeypatch.setattr(service._Process, "settings", Settings(source=str(tmp_path)), raising=False)
    monkeypatch.setattr(service._Process, "tagger", SimpleNamespace(sessions=sessions))
    return Catalogue(sessions, 1, 1)


def test_however_often_a_message_asks_there_is_one_night_for_today(asked: Catalogue) -> None:
    with capture_logs() as logged:
        tasks.nightly(v=1, queue="nightly")
        tasks.nightly()

    [row] = asked.sql("SELECT kind, state, requested_by FROM run")
    assert tuple(row) == ("nightly", "planned", "celery")
    assert [entry["event"] for entry in logged] == ["night_opened", "night_was_there"]


def test_a_message_begins_no_night_while_the_schedule_is_paused(asked: Catalogue) -> None:
    with asked.sessions.begin() as session:
        schedule.pause(session, actor="person:amina", why="stocktaking")

    with capture_logs() as logged:
        tasks.nightly()

    assert asked.sql("SELECT id FROM run") == []
    assert [(entry["event"], entry["by"], entry["reason"]) for entry in logged] == [
        ("night_paused", "amina", "stocktaking")
    ]


def test_what_keeps_a_night_from_beginning_is_logged_and_ends_no_worker(
    asked: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service._Process, "settings", Settings())

    with capture_logs() as logged:
        tasks.nightly()

    assert [entry["event"] for entry in logged] == ["night_not_opened"]
    assert "TAGGER_SOURCE" in logged[0]["reason"]
