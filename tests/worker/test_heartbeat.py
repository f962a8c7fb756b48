"""The parent of a worker's children: it says that it lives, and ends the leases of a child that died."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from db import heartbeats
from db.session import Sessions, connect, reading, sessions_of
from tests.db import templates
from tests.worker.fakes import FakeStore, scanned_run
from worker.service import _Heartbeat
from worker.settings import Settings
from worker.telemetry import owner_of

GONE = 999_999_999


@pytest.fixture
def catalogue_file(tmp_path: Path) -> Path:
    templates.make_file(tmp_path / "catalogue.db")
    return tmp_path / "catalogue.db"


@pytest.fixture
def heartbeat(catalogue_file: Path) -> _Heartbeat:
    return _Heartbeat(Settings(database_url=f"sqlite:///{catalogue_file}"), slots=2)


@pytest.fixture
def sessions(catalogue_file: Path) -> Sessions:
    return sessions_of(connect(f"sqlite:///{catalogue_file}", pooled=False))


def test_a_child_is_not_forked_in_the_middle_of_a_heartbeat(heartbeat: _Heartbeat, catalogue_file: Path) -> None:
    writing = threading.Event()

    def write(session: Session) -> None:
        heartbeats.beat(session, "me", slots=1, started_at=heartbeat._started_at)
        writing.set()
        threading.Event().wait(0.3)

    beat = threading.Thread(target=heartbeat._note, args=(write,))
    beat.start()
    writing.wait()
    child = os.fork()
    if child == 0:
        os._exit(_can_write(catalogue_file))
    _, status = os.waitpid(child, 0)
    beat.join()

    assert os.waitstatus_to_exitcode(status) == 0


def _can_write(file: Path) -> int:
    try:
        connection = sqlite3.connect(file, timeout=1, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return 1
    return 0


def test_the_leases_of_a_child_that_died_end_with_the_next_heartbeat_that_succeeds(
    heartbeat: _Heartbeat, sessions: Sessions
) -> None:
    scanned_run(sessions, FakeStore({"a.jpg": b"photo", "b.jpg": b"photo"}))
    with sessions.begin() as session:
        session.execute(
            text(
                "UPDATE work_item SET state = 'leased', eligible_at = '2100-01-01 00:00:00.000000', lease_owner = :me"
            ),
            {"me": owner_of(GONE)},
        )

    def fail(session: Session) -> None:
        session.execute(text("SELECT * FROM nowhere"))

    with capture_logs() as logged:
        heartbeat.note_end(GONE)
        heartbeat._note(fail)
        heartbeat._note(heartbeat._is_alive)
        heartbeat._note(heartbeat._is_alive)

    assert [entry["event"] for entry in logged] == ["heartbeat_failed", "child_died"]
    assert (logged[1]["pid"], logged[1]["images"]) == (GONE, 2)
    with reading(sessions) as session:
        ends = session.execute(text("SELECT max(eligible_at) FROM work_item")).scalar_one()
        assert ends < "2100"
        assert [row.slots for row in heartbeats.alive(session)] == [2]
