"""`tagger reprocess` in one process: what it prints, what it asks for, and that it does the work itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.app import app
from db.review import human_tags
from db.session import connect, sessions_of
from tests.conftest import SAMPLES
from tests.db.catalogues import LONG_AGO, Catalogue
from worker.operations import control

pytestmark = pytest.mark.usefixtures("connections_closed")


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Four photographs, tagged; a person has decided about the first, and the file of the last is damaged."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which `tagger run` sets for good
    (tmp_path / "photos").mkdir()
    for number, file in enumerate(sorted(SAMPLES.glob("*.png"))[:3]):
        shutil.copyfile(file, tmp_path / "photos" / f"{number}.png")
    (tmp_path / "photos" / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert CliRunner().invoke(app, ["run", str(tmp_path / "photos")]).exit_code == 0
    engine = connect("sqlite:///tagger.db")
    catalogue = Catalogue(sessions_of(engine), model_id=1, run_id=1)
    with catalogue.sessions.begin() as session:
        human_tags.set_human_tag(session, 1, "Dress", person="amina", why="looked at it")
    yield catalogue
    engine.dispose()


def tagger(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["reprocess", *arguments])


def read(*arguments: str) -> Any:
    done = tagger(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_dry_run_prints_what_other_programs_read_and_changes_nothing(catalogue: Catalogue) -> None:
    plan = read("--all", "--dry-run")

    assert plan["plan"].startswith("P-")
    assert (plan["images"], plan["human_left_alone"], plan["untagged"]) == (3, 1, 1)
    assert sum(plan["by_category"].values()) == 2
    assert plan["by_state"] == {"done": 2, "skipped": 1}
    assert catalogue.value("SELECT count(*) FROM run") == 1
    told = tagger("--all", "--dry-run").stdout
    assert "3 images; 1 human tags are left alone" in told
    assert "tagger reprocess --plan P-" in told


@pytest.mark.parametrize("option", ["--compare", "--compare-all", "--model=fashion-mnist"])
def test_a_comparison_says_which_categories_would_change_before_any_tag_does(catalogue: Catalogue, option: str) -> None:
    now = catalogue.value("SELECT category FROM image_tag WHERE object_id = 2")
    catalogue.sql("UPDATE image_tag SET category = 'Hat' WHERE object_id = 2")

    plan = read("--all", "--dry-run", option)
    told = tagger("--all", "--dry-run", option).stdout

    assert (plan["compared"], plan["unreadable"], plan["unchanged"]) == (2, 1, 1)
    assert plan["changes"] == [{"from": "Hat", "to": now, "images": 1, "expected": 1}]
    assert f"1  Hat → {now}" in told
    assert catalogue.value("SELECT category FROM image_tag WHERE object_id = 2") == "Hat"
    assert catalogue.value("SELECT count(*) FROM classification") == 3
    found = catalogue.sql(
        "SELECT object_id, before, becomes FROM plan_change JOIN plan ON plan.id = plan_id ORDER BY 1"
    )
    assert {tuple(row) for row in found} == {(2, "Hat", now)}  # to be looked at in the review


def test_a_plan_is_worked_off_in_this_process(catalogue: Catalogue) -> None:
    code = read("--all", "--dry-run")["plan"]

    done = read("--plan", code, "--why", "new lamps")

    assert (done["plan"], done["queued"], done["tagged"], done["skipped"]) == (code, 3, 2, 1)
    state = catalogue.sql("SELECT state, kind FROM run WHERE id = :id", id=done["run"])
    assert [tuple(row) for row in state] == [("finished", "reprocess")]
    again = tagger("--plan", code)
    assert f"was opened before, as run {done['run']}" in again.stderr
    assert catalogue.violations() == []


def test_a_failure_is_tried_again_by_its_reason(catalogue: Catalogue) -> None:
    shutil.copyfile("photos/2.png", "photos/3.png")
    catalogue.sql("UPDATE source_object SET version_token = 'v0' WHERE key = '3.png'")
    catalogue.sql("UPDATE work_item SET version_token = 'v0' WHERE object_id = 4")

    other = tagger("--failed", "--reason", "empty", "--json")
    done = read("--failed", "--reason", "corrupt")

    assert json.loads(other.stdout)["run"] is None
    assert done["queued"] == 1


def test_keys_come_from_a_file_and_what_is_no_key_is_named(catalogue: Catalogue) -> None:
    Path("keys").write_text("0.png\n1.png\r\nnowhere.png\n\n", encoding="utf-8")

    done = tagger("--keys", "keys", "--dry-run", "--json")

    plan = json.loads(done.stdout)
    assert (plan["images"], plan["human_left_alone"]) == (1, 1)
    assert "1 keys are of no image in the catalogue: nowhere.png" in done.stderr


def test_many_images_are_classified_again_only_for_a_reason(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ASKED_FROM", 1)

    asked = tagger("--all")
    told = tagger("--all", "--why", "new lamps")

    assert asked.exit_code == 2
    assert "this touches 3 images" in asked.stderr
    assert told.exit_code == 0, told.output
    assert catalogue.value("SELECT count(*) FROM run") == 2


def test_a_strict_plan_with_a_change_is_refused_with_exit_code_1(catalogue: Catalogue) -> None:
    code = read("--all", "--dry-run")["plan"]
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE id = 2", then=LONG_AGO)

    done = tagger("--plan", code, "--strict")

    assert done.exit_code == 1
    assert "(1 gone)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say what to classify again"),
        (("--reason", "corrupt"), "they go with --failed"),
        (("--failed-under", "0.1"), "they go with --failed"),
        (("--failed", "--reason", "rotten"), "is not one of the reasons"),
        (("--category", "Shrit"), "no image has the category 'Shrit'"),
        (("--model-was", "never@1"), "nothing was tagged by never@1"),
        (("--run", "77"), "there is no run 77"),
        (("--since", "yesterday"), "is no date or time"),
        (("--keys", "nowhere"), "cannot be read"),
        (("--all", "--compare"), "it goes with --dry-run"),
        (("--plan", "P-0"), "there is no plan P-0"),
        (("--plan", "P-0", "--all"), "give it alone"),
        (("--plan", "P-0", "--dry-run"), "give it alone"),
    ],
)
def test_what_means_nothing_is_wrong_usage(catalogue: Catalogue, arguments: tuple[str, ...], says: str) -> None:
    done = tagger(*arguments)

    assert done.exit_code == 2, done.output
    assert says in " ".join(done.stderr.replace("│", " ").split())
