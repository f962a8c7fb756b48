"""One training on drawn photographs for all tests of what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.training.backbones import weights
from tests.bundles import made_once
from tests.cli.models.drawings import Trained, drawn_shop, run_alone
from tests.cli.models.inspections import save


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home for the backbone's weights, or skip what needs them where their package is not installed."""
    try:
        weights.packaged("efficientnet-lite0")
    except weights.PackageMissing as error:
        pytest.skip(str(error))
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def trained(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return made_once(tmp_path_factory, "trained", lambda place: _trained(home, place))


def _trained(home: Path, place: Path) -> Trained:
    photographs = drawn_shop(place / "shop")
    options = "--size", 64, "--epochs", 1, "--no-pictures"
    done = run_alone(home, "train", photographs, *options, "--out", place / "out" / "drawn")
    assert done.returncode == 0, done.stderr
    return Trained(photographs, place / "out" / "drawn", done)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good categories of ten pictures."""
    for seed in range(10):
        save(tmp_path / "photos" / "bag" / f"{seed}.jpg", seed)
        save(tmp_path / "photos" / "coat" / f"{seed}.jpg", 10 + seed)
    return tmp_path / "photos"
