"""What `tagger status` shows of runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from db import migrations, runs
from db.session import connect, sessions_of

ERROR = "the bucket 'shop [/closed]' does not exist"


@pytest.fixture
def failed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Record a run whose source cannot be opened."""
    url = f"sqlite:///{tmp_path / 'catalogue.db'}"
    monkeypatch.setenv("TAGGER_DATABASE_URL", url)
    monkeypatch.setenv("COLUMNS", "200")
    engine = connect(url)
    migrations.upgrade(engine)
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

    assert f"failed, 0 seen, 0 new: {ERROR}" in table
    assert (run["id"], run["state"], run["error"]) == (failed_run, "failed", ERROR)
