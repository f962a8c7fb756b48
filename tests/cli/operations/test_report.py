"""`tagger report`: figures beside earlier runs, and one page that needs no network."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.app import app
from db.session import Sessions, engine_of
from tests.db import templates
from tests.db.catalogues import Catalogue, a_catalogue
from tests.model.pictures import encode, noise
from worker.operations.report import psi
from worker.storage.file_keys import version_token_of

pytestmark = pytest.mark.usefixtures("connections_closed")
OTHER = version_token_of(1, 1)
NOTE = (
    "INSERT INTO run_note (run_id, action, text, actor, at)"
    " SELECT id, 'note', '<b>new</b> backdrop', 'person:amina', created_at FROM run"
)


@pytest.fixture
def catalogue(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """Two runs: 60 confident results with a note, then 60 flagged ones and a damaged image."""
    monkeypatch.setenv("TAGGER_DATABASE_URL", engine_of(sessions).url.render_as_string(hide_password=False))
    monkeypatch.setenv("TAGGER_COST_PER_HOUR", "3.6")
    catalogue = a_catalogue(sessions)
    catalogue.items(*(f"old/{n}.jpg" for n in range(60)))
    catalogue.record(catalogue.claim(60))
    catalogue.sql("UPDATE classification SET confidence = 9800 + id % 100")
    finish(catalogue)
    catalogue.sql(NOTE)
    second = catalogue.another_run("scan:2")
    catalogue.items(*(f"new/{n}.jpg" for n in range(61)), run_id=second)
    catalogue.record(catalogue.claim(60))
    catalogue.sql(
        "UPDATE classification SET confidence = 3000 + id, category = 'Coat', needs_review = true,"
        f" review_reason = 'low_confidence' WHERE {newest('work_item_id')}"
    )
    catalogue.sql("UPDATE work_item SET state = 'skipped', reason = 'corrupt' WHERE state = 'pending'")
    finish(catalogue)
    return catalogue


def newest(column: str) -> str:
    return f"{column} IN (SELECT id FROM work_item WHERE run_id = (SELECT max(run_id) FROM work_item))"


def finish(catalogue: Catalogue) -> None:
    from db import runs

    with catalogue.sessions.begin() as session:
        assert runs.close_finished(session)


def report(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *arguments])


def read(*arguments: str) -> Any:
    done = report(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_run_is_told_beside_the_one_before(catalogue: Catalogue) -> None:
    data = read()

    assert data["run"]["logical_key"] == "scan:2"
    figures = {name: data["figures"][name] for name in ("tagged", "failed", "failed_share", "open")}
    assert figures == {"tagged": 60, "failed": 1, "failed_share": round(1 / 61, 4), "open": 0}
    assert data["figures"]["cost_per_1000"] == pytest.approx(data["figures"]["seconds"] / 60, rel=0.2)
    assert data["failed_by_reason"] == {"corrupt": 1}
    assert data["flagged_by_reason"] == {"low_confidence": 60}
    assert data["categories"][0] == {"category": "Coat", "images": 60, "share": 1.0, "share_before": 0.0}
    assert data["drift"]["shift"] == "large"
    assert [other["run"] for other in data["before"]] == ["scan:1"]
    assert [(note["text"], note["run"]) for note in data["notes"]] == [("<b>new</b> backdrop", "scan:1")]
    confidences = [image["confidence"] for image in data["least_certain"]]
    assert len(confidences) == 24
    assert confidences == sorted(confidences)


def test_another_run_may_be_named_and_the_first_one_has_nothing_to_compare_with(catalogue: Catalogue) -> None:
    data = read("scan:1")

    assert data["run"]["id"] == catalogue.sql("SELECT min(id) FROM run")[0][0]
    assert data["drift"] == {"psi": None, "runs": 0, "shift": "unknown"}
    assert data["least_certain"] == []
    assert report("scan:9").exit_code == 2


def test_the_page_needs_no_network_shows_pictures_and_takes_no_markup_from_notes_or_keys(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    (tmp_path / "shop" / "new").mkdir(parents=True)
    photograph = tmp_path / "shop" / "new" / "7.jpg"
    photograph.write_bytes(encode(noise(1, (300, 200)), "JPEG"))
    stat = photograph.stat()
    catalogue.sql(
        f"UPDATE source_object SET bucket = 'file://{tmp_path / 'shop'}', version_token = '{version_token_of(1, 1)}'"
    )
    catalogue.sql(f"UPDATE work_item SET version_token = '{version_token_of(1, 1)}'")
    token = version_token_of(stat.st_size, stat.st_mtime_ns)
    catalogue.sql(f"UPDATE source_object SET version_token = '{token}' WHERE key = 'new/7.jpg'")
    of_it = "object_id = (SELECT id FROM source_object WHERE key = 'new/7.jpg')"
    catalogue.sql(f"UPDATE work_item SET version_token = '{token}' WHERE {of_it}")

    done = report("-o", "report.html")  # 60 photographs are gone from the disk, and one is there

    assert done.exit_code == 0, done.output
    page = Path("report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 1
    assert page.count("not readable now") == 23
    assert "&lt;b&gt;new&lt;/b&gt; backdrop" in page
    assert re.findall(r"(?:src|href)=\"(?!data:)|url\(|<script", page) == []


def test_a_link_is_written_through(catalogue: Catalogue) -> None:
    Path("here.html").symlink_to("there.html")

    assert report("scan:1", "-o", "here.html").exit_code == 0
    assert Path("here.html").is_symlink()
    assert "scan:1" in Path("there.html").read_text(encoding="utf-8")


def test_without_a_run_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGGER_DATABASE_URL", templates.make_file(tmp_path / "empty.db"))

    done = report()

    assert done.exit_code == 1
    assert "no run has tagged anything yet; `tagger run` does" in done.stderr
    assert report("-o", str(tmp_path)).exit_code == 3


def test_the_stability_index_is_nothing_for_the_same_shares_and_grows_with_the_shift() -> None:
    assert psi([10, 20, 70], [100, 200, 700]) == pytest.approx(0)
    assert 0 < psi([10, 20, 70], [15, 20, 65]) < 0.1 < 0.25 < psi([0, 0, 100], [50, 25, 25])
