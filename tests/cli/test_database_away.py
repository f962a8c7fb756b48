"""A worker or scheduler that starts while PostgreSQL is away waits for it; one that it refuses ends with a message."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import OperationalError as DriverError
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from cli import context, processes
from worker.settings import Settings

NOBODY_LISTENS = "postgresql+psycopg://tagger@127.0.0.1:1/tagger"


class Waited(Exception):
    """Raised instead of a pause."""


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []

    def pause(seconds: float) -> None:
        taken.append(seconds)
        if len(taken) == 3:
            raise Waited

    monkeypatch.setattr(context.time, "sleep", pause)
    return taken


def test_a_database_that_is_away_is_waited_for_and_said(pauses: list[float]) -> None:
    with capture_logs() as logged, pytest.raises(Waited):
        context.await_catalogue(Settings(database_url=NOBODY_LISTENS))

    assert pauses == [context.AWAY_S] * 3
    assert {entry["event"] for entry in logged} == {"catalogue_away"}
    assert "check TAGGER_DATABASE_URL and that the database runs" in logged[0]["error"]


def test_a_database_that_comes_back_is_used(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    def open_catalogue(*_: Any, **__: Any) -> str:
        if len(pauses) < 2:
            raise OperationalError("", {}, DriverError("FATAL:  the database system is starting up"))
        return "sessions"

    monkeypatch.setattr(context, "open_catalogue", open_catalogue)

    assert context.await_catalogue(Settings()) == "sessions"  # type: ignore[comparison-overlap]
    assert len(pauses) == 2


def test_a_database_that_refuses_us_is_not_waited_for(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    def open_catalogue(*_: Any, **__: Any) -> None:
        raise OperationalError("", {}, DriverError("FATAL:  password authentication failed for user tagger"))

    monkeypatch.setattr(context, "open_catalogue", open_catalogue)

    with pytest.raises(OperationalError):
        context.await_catalogue(Settings())

    assert pauses == []


@pytest.mark.parametrize("process", [processes.worker, processes.scheduler])
def test_both_processes_wait(process: Any, pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGGER_DATABASE_URL", NOBODY_LISTENS)
    monkeypatch.setenv("TAGGER_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr("worker.celery.check_broker", lambda _: None)
    arguments = {"concurrency": 1, "queues": "ops"} if process is processes.worker else {}

    with pytest.raises(Waited):
        process(**arguments)

    assert len(pauses) == 3
