"""`tagger nightly` and `tagger schedule` in this process, on SQLite and without a broker unless a test says else."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.app import app
from db import runs
from db.session import connect, sessions_of
from tests.conftest import SAMPLES
from tests.db.catalogues import Catalogue
from worker.operations import good_nights

pytestmark = pytest.mark.usefixtures("connections_closed")


@pytest.fixture(autouse=True)
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photographs."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for file in sorted(SAMPLES.glob("*.png"))[:3]:
        shutil.copyfile(file, folder / file.name)
    monkeypatch.setenv("TAGGER_SOURCE", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which the command sets for good
    monkeypatch.setenv("LOGNAME", "amina")
    return folder


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    """What the commands have written."""
    engine = connect(f"sqlite:///{tmp_path / 'tagger.db'}")
    yield Catalogue(sessions_of(engine), 1, 1)
    engine.dispose()


@pytest.fixture
def pings() -> Iterator[tuple[str, list[str]]]:
    """Yield a URL and the paths that were called."""
    called: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            called.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/secret", called
        server.shutdown()
        thread.join()


def tagger(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def read(*arguments: str) -> Any:
    done = tagger(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


def test_a_night_by_hand_tags_what_is_new_and_is_one_run_for_its_date(catalogue: Catalogue) -> None:
    first = read("nightly", "--date", "2026-11-22")
    again = read("nightly", "--date", "2026-11-22")

    assert (first["logical_key"], first["outcome"], first["tagged"]) == ("nightly:2026-11-22", "opened", 3)
    assert (again["outcome"], again["state"], again["run"]) == ("there", "finished", first["run"])
    [row] = catalogue.sql("SELECT kind, state, requested_by FROM run")
    assert tuple(row) == ("nightly", "finished", "person:amina")
    assert catalogue.violations() == []


def test_a_night_that_was_interrupted_goes_on_and_the_next_joins_it(catalogue: Catalogue) -> None:
    assert tagger("db", "upgrade").exit_code == 0
    read("nightly", "--date", "2026-11-20")
    with catalogue.sessions.begin() as session:
        run = runs.find(session, "nightly:2026-11-20")
        assert run is not None
        run.state, run.finished_at, run.cursor = "scanning", None, ""

    joined = read("nightly", "--date", "2026-11-21")

    assert (joined["outcome"], joined["joined"], joined["run"]) == ("joined", "nightly:2026-11-20", run.id)
    states = catalogue.sql("SELECT logical_key, state FROM run ORDER BY id")
    assert [tuple(row) for row in states] == [("nightly:2026-11-20", "finished"), ("nightly:2026-11-21", "finished")]
    assert read("nightly", "--date", "2026-11-21")["joined"] == "nightly:2026-11-20"


def test_a_night_to_come_is_refused() -> None:
    done = tagger("nightly", "--date", "2999-01-01")

    assert done.exit_code == 2
    assert "still to come" in done.stderr


def test_without_a_source_the_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAGGER_SOURCE")

    done = tagger("nightly")

    assert done.exit_code == 3
    assert "TAGGER_SOURCE" in done.stderr


def test_with_a_broker_the_night_is_opened_for_the_scheduler(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGGER_BROKER_URL", "redis://127.0.0.1:1/0")  # which opening a night does not need

    done = tagger("nightly", "--date", "2026-11-22")

    assert done.exit_code == 0
    assert done.stdout == "nightly:2026-11-22 is opened: run 1\n"
    assert "no scheduler is running" in done.stderr
    assert catalogue.value("SELECT state FROM run") == "planned"


def test_a_good_night_is_told_once_to_a_url_that_no_log_shows(
    catalogue: Catalogue, pings: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, called = pings
    monkeypatch.setenv("TAGGER_PING_URL", url)

    read("nightly", "--date", "2026-11-22")
    read("nightly", "--date", "2026-11-22")

    assert called == ["/secret"]
    assert "/secret" not in tagger("config").output


def test_a_night_of_an_empty_source_is_not_good(
    source: Path, pings: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, called = pings
    monkeypatch.setenv("TAGGER_PING_URL", url)
    shutil.rmtree(source)
    source.mkdir()

    assert tagger("nightly").exit_code == 1
    assert called == []


def test_a_ping_that_fails_is_logged_and_costs_the_night_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(good_nights, "PAUSES_S", (0.0, 0.0))
    monkeypatch.setenv("TAGGER_PING_URL", "http://127.0.0.1:1/secret")

    done = tagger("nightly")

    assert done.exit_code == 0
    assert "ping_failed" in done.stderr
    assert "/secret" not in done.stderr


def test_the_schedule_is_told_in_words_with_five_firings_and_the_change_of_the_clocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TAGGER_TIMEZONE", "Europe/Berlin")
    monkeypatch.setenv("TAGGER_SCHEDULE", "30 2 * 3,10 7L")  # the Sundays of the changes

    shown = read("schedule")

    assert shown["in_words"].startswith("At 02:30 on the last Sunday")
    assert len(shown["next"]) == 5
    assert {row["clocks"] for row in shown["next"]} == {"forward 1 h", "back 1 h"}
    assert all(row["at"][11:16] == ("03:00" if "forward" in row["clocks"] else "02:30") for row in shown["next"])
    assert (shown["paused"], shown["last_night"]) == (None, None)
    assert "forward 1 h" in tagger("schedule").stdout


def test_a_pause_is_kept_with_who_and_why_until_somebody_resumes() -> None:
    assert tagger("schedule", "pause").exit_code == 2
    paused = tagger("schedule", "pause", "--why", "stocktaking", "--until", "2999-01-01 06:00", "--by", "juma")
    shown = read("schedule")["paused"]
    by_hand = tagger("nightly")
    resumed = tagger("schedule", "resume")

    assert paused.exit_code == resumed.exit_code == by_hand.exit_code == 0
    assert (shown["by"], shown["why"], shown["until"]) == ("juma", "stocktaking", "2999-01-01T06:00:00+00:00")
    assert "juma has paused the schedule" in by_hand.stderr
    assert read("schedule")["paused"] is None
    assert "Nothing was paused" in tagger("schedule", "resume").stdout


def test_a_pause_that_is_over_already_is_refused() -> None:
    assert tagger("schedule", "pause", "--why", "x", "--until", "2020-01-01").exit_code == 2


def test_a_schedule_that_is_off_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGGER_SCHEDULE", "off")

    assert read("schedule")["next"] == []
    assert "it is off" in tagger("schedule").stdout


def test_a_check_ends_with_1_while_the_last_night_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    monkeypatch.setenv("TAGGER_SCHEDULE", f"{an_hour_ago:%M %H} * * *")
    assert tagger("db", "upgrade").exit_code == 0

    absent = tagger("schedule", "--check")
    read("nightly", "--date", f"{an_hour_ago:%Y-%m-%d}")

    assert absent.exit_code == 1
    assert f"nightly:{an_hour_ago:%Y-%m-%d} has not begun" in absent.stderr
    assert tagger("schedule", "--check").exit_code == 0
