"""`tagger run` in this process: what it reads, and what it says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.app import app
from model import bundle as bundles, manifest
from model.images.decoder_pool import Decoders
from tests.conftest import SAMPLES

pytestmark = pytest.mark.usefixtures("connections_closed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photographs."""
    (tmp_path / "photos").mkdir()
    for file in sorted(SAMPLES.glob("*.png"))[:3]:
        shutil.copyfile(file, tmp_path / "photos" / file.name)
    return tmp_path / "photos"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["run", *map(str, arguments)])


@pytest.mark.parametrize("options", [[], ["--model", "fashion-mnist"], ["--json"]])
def test_a_run_hashes_each_file_of_its_bundle_once_and_no_other(
    folder: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which the command sets for good
    hashed: list[Path] = []
    sha256 = manifest.sha256
    monkeypatch.setattr(manifest, "sha256", lambda path: hashed.append(path) or sha256(path))

    done = run(folder, *options)

    assert done.exit_code == 0, done.output
    bundle = bundles.read(bundles.find("fashion-mnist"), hash_files=False)
    assert sorted(hashed) == sorted(bundle.folder / name for name in bundle.files)


def test_an_empty_source_is_told_with_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    scanned = CliRunner().invoke(app, ["scan", str(tmp_path / "empty")])
    done = run(tmp_path / "empty", "--json")

    for result in (scanned, done):
        assert result.exit_code == 1
        assert f"nothing was found under file://{tmp_path / 'empty'}" in result.stderr


def test_a_source_without_a_picture_is_told_with_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    for name in ("a.jpg", "b.png"):
        (tmp_path / "notes" / name).write_text("no picture")

    first, second = run(tmp_path / "notes"), run(tmp_path / "notes")

    for done in (first, second):
        assert done.exit_code == 1
        assert "none of 2 files could be tagged; `tagger failures` says why" in done.stderr


def test_the_summary_is_plain_lines_where_no_terminal_is(folder: Path) -> None:
    lines = run(folder).stdout.splitlines()

    assert lines[0].startswith("Run 1 with the bundle fashion-mnist@")
    assert {"seen\t3", "tagged\t3"} <= set(lines)


def test_one_new_file_that_is_no_picture_fails_nobody(folder: Path) -> None:
    assert run(folder).exit_code == 0
    (folder / "zz.jpg").write_text("no picture")

    assert run(folder).exit_code == 0


def test_hidden_and_foreign_files_are_left_out_counted_and_taken_on_demand(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (".thumbnails/a.png", "@eaDir/b.png"):
        (folder / name).parent.mkdir()
        shutil.copyfile(next(folder.glob("*.png")), folder / name)

    first, second = (json.loads(run(folder, "--json").stdout) for _ in range(2))
    monkeypatch.setenv("TAGGER_IGNORE", "none")
    everything = json.loads(run(folder, "--json").stdout)

    assert [(found["seen"], found["new"], found["left_out"]) for found in (first, second)] == [(3, 3, 2), (3, 0, 2)]
    assert [everything[name] for name in ("seen", "new", "tagged", "left_out")] == [5, 2, 2, 0]


def test_a_source_of_nothing_but_hidden_files_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / ".a.jpg").touch()

    assert "but 1 that TAGGER_IGNORE leaves out" in run(tmp_path / "photos").stderr


def test_decoders_start_beside_the_first_claim_and_no_more_than_images_wait(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which the command sets for good
    asked: list[int | None] = []
    start = Decoders.start
    monkeypatch.setattr(Decoders, "start", lambda pool, images=None: asked.append(images) or start(pool, images))

    first, second = run(folder), run(folder)

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert asked == [3]  # at the second run nothing waits
