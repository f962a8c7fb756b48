"""`tagger model train`, as a person types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.models import app
from model.data import fashion_mnist
from model.data.dataset import Dataset
from tests.bundles import KERAS_AND_NUMPY

RUN = CliRunner()


def test_missing_data_is_exit_code_3(tmp_path: Path) -> None:
    done = RUN.invoke(app, ["train", "fashion-mnist", "--data", str(tmp_path), "--out", str(tmp_path / "out")])

    assert done.exit_code == 3
    assert "Fashion-MNIST was not found" in done.stderr


def test_photographs_that_are_not_there_are_exit_code_3_and_one_line() -> None:
    done = RUN.invoke(app, ["train", "hats"])

    assert done.exit_code == 3
    assert done.stderr.startswith("tagger: ")
    assert "hats" in done.stderr


@pytest.mark.parametrize("arguments", [["train"], ["train", "fashion-mnist", "--epochs", "0"]])
def test_a_wrong_call_is_exit_code_2(arguments: list[str]) -> None:
    assert RUN.invoke(app, arguments).exit_code == 2


@pytest.mark.filterwarnings(KERAS_AND_NUMPY)
def test_train_ends_with_the_test_figure_and_where_the_bundle_lies(
    small_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fashion_mnist, "load", lambda _folder: small_data)
    out = tmp_path / "bundles" / "bars"

    done = RUN.invoke(app, ["train", "fashion-mnist", "--epochs", "1", "--out", str(out)])
    unknown = RUN.invoke(app, ["train", "fashion-mnist", "--network", "vast", "--out", str(out)])

    assert done.exit_code == 0, done.stderr
    assert "of 100 test images right; saved in" in done.stdout
    assert [path.name for path in out.parent.iterdir()] == ["bars"]
    assert unknown.exit_code == 2
