"""Fixtures for tests of the model and its commands: the shipped bundle, toy data, and a bundle trained on these."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import pickle
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from model import bundle as bundles
from model.bundle import Bundle
from model.classifier import Classifier
from model.data.dataset import Dataset
from model.evaluation import ood_images
from tests.model.toy_data import bars_of

T = TypeVar("T")
KERAS_AND_NUMPY = "ignore:__array__ implementation:DeprecationWarning"
"""Keras 3.15 hands variables to numpy 2 in the old way when it saves a network."""


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """Make something costly in a folder of its own, once for all processes of pytest-xdist."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    kept = shared / f"{name}.pickle"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            (shared / name).mkdir()
            kept.write_bytes(pickle.dumps(make(shared / name)))
        made: T = pickle.loads(kept.read_bytes())
        return made


@pytest.fixture(scope="session")
def shipped() -> Classifier:
    return Classifier.load(bundles.find("fashion-mnist"))


@pytest.fixture
def bundle_copy(tmp_path: Path) -> Path:
    """Copy the shipped bundle, to be damaged."""
    return Path(shutil.copytree(bundles.find("fashion-mnist"), tmp_path / "copies" / "fashion-mnist"))


@pytest.fixture(scope="session")
def small_data() -> Dataset:
    """Ten kinds of bars that are easily told apart: 300 to train, 100 to validate, 100 to test."""
    return bars_of(300, 100, 100)


@pytest.fixture(scope="session", autouse=True)
def few_ood_images() -> Iterator[None]:
    """40 images of each source instead of 500: making them takes most of a small bundle's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ood_images, "COUNT", 40)
        yield


@pytest.fixture(scope="session")
def bars(small_data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Make a bundle of a network trained on the bars for a moment."""
    return made_once(tmp_path_factory, "bars", lambda folder: _trained_on(small_data, folder))


def _trained_on(small_data: Dataset, folder: Path) -> Bundle:
    from model.training.loop import train
    from model.training.publishing.publish import publish
    from model.training.publishing.task import fashion_mnist
    from model.training.recipe import Recipe

    recipe = Recipe(epochs=3, batch=50, peak_rate=0.05, shift=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        trained = train(small_data, 10, recipe, checkpoint=folder / "at.npz")
        return publish(trained, small_data, recipe, folder / "bars", fashion_mnist(small_data))


@pytest.fixture
def old_bars(bars: Bundle, tmp_path: Path) -> Bundle:
    """Strip the bundle of bars to what early bundles kept: no validation, test, features or provenance."""
    copy = Path(shutil.copytree(bars.folder, tmp_path / "copy" / "bars"))
    for name in (bundles.VALIDATION, bundles.TEST, bundles.OOD_DETECTOR):
        (copy / name).unlink()
    shutil.rmtree(copy / "report")
    about = dataclasses.replace(bars, folder=copy, name="old-bars", ood=None, training={}, metrics={})
    return bundles.save(about, tmp_path / "old" / "old-bars")
