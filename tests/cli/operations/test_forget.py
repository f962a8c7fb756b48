"""`tagger forget`: what goes goes wholly, what people decided is named first, and nothing is asked of a pipe."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.app import app
from tests.conftest import SAMPLES

pytestmark = pytest.mark.usefixtures("connections_closed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder of three photographs."""
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name, file in zip(("a.png", "sub/b.png", "sub/c.png"), sorted(SAMPLES.glob("*.png")), strict=False):
        shutil.copyfile(file, tmp_path / "photos" / name)
    return tmp_path / "photos"


def tagger(*arguments: str | Path, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], input=answer)


def run(folder: Path) -> dict[str, int]:
    done = tagger("run", folder, "--json")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def verified() -> int:
    return tagger("verify").exit_code


def exported() -> list[str]:
    return [json.loads(line)["key"] for line in tagger("export", "--format", "jsonl").stdout.splitlines()]


def test_a_source_that_was_moved_is_named_and_forgotten(folder: Path) -> None:
    run(folder)
    moved = folder.rename(folder.with_name("moved photos"))

    told = tagger("run", moved)
    forgotten = tagger("forget", "--source", folder, "--yes")
    again = tagger("run", moved)

    assert f"tagger forget --source {folder}" in told.stderr
    assert len([line for line in told.stderr.splitlines() if "forget" in line]) == 1
    assert (forgotten.exit_code, forgotten.stdout) == (0, "3 images are forgotten.\n")
    assert "forget" not in again.stderr
    assert len(exported()) == 3
    assert verified() == 0


@pytest.mark.parametrize(("other", "relation"), [("photos/sub", "lies in"), (".", "lies above"), ("link", "by a link")])
def test_a_source_that_overlaps_a_known_one_is_told_in_a_line(folder: Path, other: str, relation: str) -> None:
    (folder.parent / "link").symlink_to(folder)
    run(folder)

    told = tagger("scan", folder.parent / other)

    (line,) = [line for line in told.stderr.splitlines() if "tagged twice" in line]
    assert relation in line
    assert line.endswith(f"tagger forget --source {folder}")


def test_a_source_beside_a_known_one_is_not_told(folder: Path) -> None:
    run(folder)
    shutil.copytree(folder, folder.with_name("photos-2"))

    assert tagger("run", folder.with_name("photos-2")).stderr.count("forget") == 0


def test_a_source_may_be_tagged_anew_after_it_was_forgotten(folder: Path) -> None:
    run(folder)

    tagger("forget", "--source", folder, "--yes")

    assert (exported(), run(folder)["tagged"], len(exported())) == ([], 3, 3)
    assert verified() == 0


def test_who_forgot_how_many_images_is_in_the_log_without_their_keys(folder: Path) -> None:
    run(folder)

    tagger("forget", "sub/b.png", "--yes")

    with closing(sqlite3.connect("tagger.db")) as catalogue:
        assert catalogue.execute("SELECT act, about FROM act").fetchall() == [("images_forgotten", "1")]


@pytest.mark.parametrize("named", [["sub/b.png"], ["--prefix", "sub/b"]])
def test_an_image_that_was_forgotten_is_not_taken_in_again(folder: Path, named: list[str]) -> None:
    run(folder)

    forgotten = json.loads(tagger("forget", *named, "--yes", "--json").stdout)
    (folder / "sub" / "b.png").touch()
    again = run(folder)

    assert forgotten == {"forgotten": 1, "decided": {}}
    assert (again["seen"], again["new"], again["gone"], again["left_out"]) == (3, 0, 0, 1)
    assert exported() == ["a.png", "sub/c.png"]
    assert verified() == 0


def test_without_a_terminal_nothing_goes_unless_yes_is_said(folder: Path) -> None:
    run(folder)

    asked = tagger("forget", "--source", folder)

    assert (asked.exit_code, len(exported())) == (2, 3)
    assert "say --yes" in asked.stderr


@pytest.mark.parametrize(("arguments", "code"), [(["nosuch.png"], 1), ([], 2), (["a.png", "--prefix", "sub"], 2)])
def test_what_is_meant_must_be_one_thing_that_is_there(folder: Path, arguments: list[str], code: int) -> None:
    run(folder)

    assert tagger("forget", *arguments, "--yes").exit_code == code
    assert len(exported()) == 3
