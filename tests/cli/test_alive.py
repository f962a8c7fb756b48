"""`tagger alive`, the health check of every container: one row of the catalogue, exit code 0 or 1."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event
from typer.testing import CliRunner

from cli.app import app
from db import heartbeats
from db.session import connect, sessions_of
from tests.db import templates


@pytest.fixture
def beating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue in which a scheduler of this host lives, and nothing else."""
    url = templates.make_file(tmp_path / "catalogue.db")
    monkeypatch.setenv("TAGGER_DATABASE_URL", url)
    monkeypatch.setenv("TAGGER_BROKER_URL", "redis://127.0.0.1:1/0")
    engine = connect(url, pooled=False)
    with sessions_of(engine).begin() as session:
        name = f"{socket.gethostname()}:7"
        heartbeats.beat(session, name, slots=0, started_at=datetime.now(UTC), role=heartbeats.SCHEDULER)
    engine.dispose()


@pytest.mark.usefixtures("beating")
def test_a_process_of_this_host_is_alive_or_is_not() -> None:
    either = CliRunner().invoke(app, ["alive", "--json"])
    worker = CliRunner().invoke(app, ["alive", "--role", "worker"])

    name = f"{socket.gethostname()}:7"
    assert (either.exit_code, json.loads(either.stdout)) == (0, {"alive": True, "role": "scheduler", "name": name})
    assert worker.exit_code == 1
    assert "no worker of this host has been alive" in worker.stderr


@pytest.mark.usefixtures("beating")
def test_it_asks_the_catalogue_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def watched(url: str, **options: bool) -> object:
        engine = connect(url, **options)  # type: ignore[arg-type]
        event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
        return engine

    monkeypatch.setattr("db.session.connect", watched)

    assert CliRunner().invoke(app, ["alive"]).exit_code == 0
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 1


def test_where_no_process_can_run_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGGER_BROKER_URL", "memory://")

    done = CliRunner().invoke(app, ["alive"])

    assert done.exit_code == 1
    assert "memory://" in done.stderr
