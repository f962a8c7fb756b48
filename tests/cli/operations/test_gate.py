"""A night of swapped pictures, as the operator meets it: held, looked at, let through."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from cli.app import app
from db import runs
from db.session import connect, sessions_of
from model import bundle
from tests.db import templates
from tests.db.catalogues import LONG_AGO, Catalogue
from tests.worker.operations.good_nights import a_good_night
from tests.worker.operations.receivers import receiver

pytestmark = [
    pytest.mark.usefixtures("connections_closed"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),  # a plugin of apprise's
]
IMAGES = 320


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalogue]:
    """Make a source of grey noise, and a catalogue with five good nights of the bundle."""
    folder, chance = tmp_path / "photos", np.random.default_rng(7)
    folder.mkdir()
    for number in range(IMAGES):
        Image.fromarray(chance.integers(0, 256, (28, 28), np.uint8)).save(folder / f"{number:03}.png")
    monkeypatch.setenv("TAGGER_SOURCE", str(folder))
    monkeypatch.setenv("TAGGER_GATE", "hold")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("LOGNAME", "amina")
    engine = connect(templates.make_file(tmp_path / "tagger.db"))
    found = bundle.find("fashion-mnist")
    manifest = json.loads((found / "bundle.json").read_text(encoding="utf-8"))
    with sessions_of(engine).begin() as session:
        model_id = runs.register_model(session, manifest["name"], manifest["version"]).id
    catalogue = Catalogue(sessions_of(engine), model_id, 1)
    for night in range(5):
        a_good_night(catalogue, f"2026-11-{10 + night}", random.Random(night), images=256)
    catalogue.sql("UPDATE run SET finished_at = :then", then=LONG_AGO)
    yield catalogue
    engine.dispose()


def tagger(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_night_of_grey_noise_is_held_told_of_looked_at_and_let_through(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as inbox:
        monkeypatch.setenv("TAGGER_NOTIFY", inbox.url)
        is_held_looked_at_and_let_through(catalogue, tmp_path)

    assert inbox.titles() == ["nightly:2026-11-22 is unlike the good nights", "nightly:2026-11-22 is finished"]
    assert len(inbox.messages[0]["attachments"]) == 1
    assert "json://" not in tagger("config").output
    assert "JSON" in tagger("doctor").output


def is_held_looked_at_and_let_through(catalogue: Catalogue, tmp_path: Path) -> None:
    held = tagger("nightly", "--date", "2026-11-22")

    assert held.exit_code == 1
    assert "the gate: " in held.stderr
    assert "--accept" in held.stderr
    run_id = catalogue.value("SELECT max(id) FROM run")
    shown = json.loads(tagger("runs", "show", str(run_id), "--json").stdout)
    assert (shown["state"], shown["gate"]["action"], shown["gate"]["accepted_by"]) == ("paused", "held", None)
    assert 200 <= shown["tagged"] <= 300
    assert all(shown["stages"][stage] > 0 for stage in ("read", "decode", "classify", "record"))
    assert "held by the gate: the gate: " in " ".join(tagger("status").stdout.split())
    assert tagger("report", str(run_id), "-o", "held.html").exit_code == 0
    page = (tmp_path / "held.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 24
    assert f"tagger runs resume {run_id} --accept WHY" in page

    refused = tagger("runs", "resume", str(run_id))
    accepted = tagger("runs", "resume", str(run_id), "--accept", "new season")
    goes_on = tagger("nightly", "--date", "2026-11-22")

    assert (refused.exit_code, accepted.exit_code, goes_on.exit_code) == (1, 0, 0)
    assert "--accept WHY" in refused.stderr
    assert "is accepted: new season" in accepted.stdout
    shown = json.loads(tagger("runs", "show", str(run_id), "--json").stdout)
    assert (shown["state"], shown["tagged"], shown["gate"]["accepted_by"]) == ("finished", IMAGES, "amina")
    assert [violation for violation in catalogue.violations() if violation.row_id == run_id] == []


def test_what_the_gate_has_nothing_against_cannot_be_accepted(catalogue: Catalogue) -> None:
    done = tagger("runs", "resume", "1", "--accept", "new season")

    assert done.exit_code == 1
    assert "nothing unusual" in done.stderr
