"""`tagger status`: what moves, how fast, what waits, and how the last night is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.app import app
from cli.operations import status
from db.session import connect, sessions_of
from tests.db import templates
from tests.db.catalogues import Catalogue, a_catalogue
from worker.operations.nights import begin_night
from worker.settings import load
from worker.watching import watched as watching
from worker.watching.watched import Watched

pytestmark = pytest.mark.usefixtures("connections_closed")


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalogue]:
    """Four images of a run that began 100 s ago, of which two are done; a night with a deadline and without images."""
    url = templates.make_file(tmp_path / "catalogue.db")
    for name, value in {"DATABASE_URL": url, "SOURCE": str(tmp_path), "SCHEDULE": "* * * * *"}.items():
        monkeypatch.setenv(f"TAGGER_{name}", value)
    monkeypatch.setenv("TAGGER_NIGHT_DEADLINE", "07:00")
    engine = connect(url)
    catalogue = a_catalogue(sessions_of(engine))
    catalogue.items("a", "b", "c", "d")
    catalogue.record(catalogue.claim(2))
    catalogue.sql("UPDATE run SET created_at = :at", at=datetime.now(UTC) - timedelta(seconds=100))
    begin_night(load(), catalogue.sessions, datetime.now(UTC).date(), requested_by="schedule")
    yield catalogue
    engine.dispose()


def shown() -> Any:
    done = CliRunner().invoke(app, ["status", "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_runs_are_shown_with_how_far_and_how_fast_they_are(catalogue: Catalogue) -> None:
    run, night = shown()["runs"]

    assert (run["done"], run["open"]) == (2, 2)
    assert run["images_per_second"] == 0.0 or 0 < run["images_per_second"] <= 0.02
    assert 90 <= run["seconds_left"] <= 1000  # two in 100 s so far
    assert (night["kind"], night["done"], night["open"], night["seconds_left"]) == ("nightly", 0, 0, None)


def test_who_watches_sees_the_pace_of_the_last_minutes(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    watched, seconds = Watched(load(), catalogue.sessions), [0.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: seconds[0])
    watched.look()
    seconds[0] = 0.5
    catalogue.record(catalogue.claim(1))

    run = watched.look()["runs"][0]

    assert (run["images_per_second"], run["open"]) == (2.0, 1)


def test_the_oldest_item_that_waits_and_the_night_with_its_deadline_are_shown(catalogue: Catalogue) -> None:
    catalogue.sql("UPDATE work_item SET eligible_at = :at", at=datetime.now(UTC) - timedelta(seconds=3600))

    snapshot = shown()

    assert 3600 <= snapshot["oldest_waiting_s"] < 4600
    night = snapshot["night"]
    assert night["night"] == f"nightly:{datetime.now(UTC):%Y-%m-%d}"
    assert (night["state"], night["told"]) == ("planned", [])
    assert 0 < night["deadline_seconds_left"] <= 86_400


def test_nothing_waits_in_a_run_that_is_paused(catalogue: Catalogue) -> None:
    catalogue.sql("UPDATE run SET state = 'paused'")

    assert shown()["oldest_waiting_s"] is None


def test_the_table_says_all_that_in_words(catalogue: Catalogue) -> None:
    console = Console(width=200, file=StringIO(), record=True)

    console.print(status._table(Watched(load(), catalogue.sessions).look()))

    text = console.export_text()
    assert "2 done, 2 open" in text
    assert "is planned, deadline in" in text
    assert "oldest waiting" in text
