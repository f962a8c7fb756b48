"""The shipped bundle, a small data set made up here, and a tiny training on it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from model import bundle as bundles
from model.classifier import Classifier
from model.dataset import Dataset, Split

KERAS_AND_NUMPY = "ignore:__array__ implementation:DeprecationWarning"
"""Keras 3.15 hands variables to numpy 2 in the old way when it saves a network."""


@pytest.fixture(scope="session")
def shipped() -> Classifier:
    return Classifier.load(bundles.find("fashion-mnist"))


@pytest.fixture
def bundle_copy(tmp_path: Path) -> Path:
    """The shipped bundle, to be damaged."""
    return Path(shutil.copytree(bundles.find("fashion-mnist"), tmp_path / "copies" / "fashion-mnist"))


@pytest.fixture(scope="session")
def small_data() -> Dataset:
    """Ten kinds of bars that are easily told apart: 300 to train, 100 to validate, 100 to test."""
    return Dataset(_bars(300, 1), _bars(100, 2), _bars(100, 3), digest="bars")


def _bars(count: int, seed: int) -> Split:
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 10
    images = random.integers(0, 40, (count, 28, 28, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        at = 3 + 5 * (int(label) % 5)
        image[(slice(at, at + 3),) if label < 5 else (slice(None), slice(at, at + 3))] = 230
    return Split(images, labels)
