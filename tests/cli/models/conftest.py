"""One training on drawn photographs for all tests of what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.training.backbones import weights
from tests.cli.models.drawings import EACH, KINDS, WRONG, Trained, drawn, run_alone, write
from tests.cli.models.inspections import save
from tests.model.pictures import encode


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for the backbone's weights; what needs them is skipped where their package is not installed."""
    try:
        weights.packaged("efficientnet-lite0")
    except weights.PackageMissing as error:
        pytest.skip(str(error))
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def trained(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    place = tmp_path_factory.mktemp("trained")
    for number, kind in enumerate(KINDS):
        write(place / "shop", kind, range(number * EACH, (number + 1) * EACH))
    (place / "shop" / WRONG).write_bytes(encode(drawn("disc", 99), "JPEG", quality=90))
    options = "--size", 64, "--epochs", 1, "--no-pictures"
    said = run_alone(home, "train", place / "shop", *options, "--out", place / "out" / "drawn")
    assert said.returncode == 0, said.stderr
    return Trained(place / "shop", place / "out" / "drawn", said)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good categories of ten pictures."""
    for at in range(10):
        save(tmp_path / "photos" / "bag" / f"{at}.jpg", at)
        save(tmp_path / "photos" / "coat" / f"{at}.jpg", 10 + at)
    return tmp_path / "photos"
