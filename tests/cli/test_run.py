"""`tagger run` in this process: what it reads, and what it says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.app import app
from model import bundle as bundles, manifest
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
