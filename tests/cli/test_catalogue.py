"""What `tagger status` shows of runs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from db import objects, runs
from db.objects import NewObject
from db.schema import Run
from db.session import connect, sessions_of
from tests.db import templates

ERROR = "the bucket 'shop [/closed]' does not exist"


@pytest.fixture
def failed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Record a run whose source cannot be opened."""
    url = templates.make_file(tmp_path / "catalogue.db")
    monkeypatch.setenv("TAGGER_DATABASE_URL", url)
    monkeypatch.setenv("COLUMNS", "200")
    engine = connect(url)
    with sessions_of(engine).begin() as session:
        model = runs.register_model(session, "hats", "1" * 12)
        run, _ = runs.open_run(
            session, logical_key="scan:1", kind="scan", selection={}, model=model, requested_by="person:amina"
        )
        runs.fail(session, run.id, ERROR)
    engine.dispose()
    return run.id


@pytest.mark.usefixtures("connections_closed")
def test_a_failed_run_is_shown_with_its_reason(failed_run: int) -> None:
    table = CliRunner().invoke(app, ["status"]).stdout
    [run] = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)["runs"]

    assert f"run {failed_run} scan\tfailed, 0 seen, 0 new: {ERROR}" in table.splitlines()
    assert (run["id"], run["state"], run["error"]) == (failed_run, "failed", ERROR)


@pytest.mark.usefixtures("connections_closed", "failed_run")
@pytest.mark.parametrize(
    "command", ["status", "failures", "verify", "export", "db check", "runs", "runs show 1", "model list", "doctor"]
)
def test_commands_that_only_read_wait_for_no_writer(command: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "catalogue.db")) as writer:
        writer.execute("UPDATE run SET updated_at = updated_at")  # keeps the write lock
        done = CliRunner().invoke(app, command.split())

    assert done.exit_code == 0, done.stderr


@pytest.mark.usefixtures("connections_closed")
def test_images_that_wait_for_a_bundle_that_is_not_there_are_named(failed_run: int, tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'catalogue.db'}")
    with sessions_of(engine).begin() as session:
        run = session.get_one(Run, failed_run)
        ids = objects.add(session, "shop", [NewObject("a.jpg", "v1", 1, datetime.now(UTC), None)])
        objects.enqueue(session, run, dict.fromkeys(ids.values(), "v1"), queue="nightly", priority=100)
    engine.dispose()

    [stuck] = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)["stuck"]

    assert stuck["items"] == 1
    assert "bundle hats@111111111111 is in no folder of TAGGER_BUNDLES here" in stuck["why"]
