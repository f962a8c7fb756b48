"""On JAX, which a GPU needs, a training does what it does on TensorFlow: the same steps on the same images."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.training import networks
from model.training.loop import train
from model.training.publishing.export import write_keras
from model.training.recipe import Recipe
from tests.bundles import KERAS_AND_NUMPY
from tests.model.toy_data import bars_of, tiny

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

IMAGES = (100, 50, 50)
RECIPE = Recipe(
    network="tiny", epochs=2, batch=50, peak_rate=0.01, mixup=0.4, imitate=0.0, start="start", teachers=("start",)
)


@pytest.fixture(scope="module", autouse=True)
def tiny_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(networks.NETWORKS, "tiny", tiny)
        yield


@pytest.fixture(scope="module")
def start() -> Any:
    return networks.build(RECIPE.network, size=28, channels=1, categories=10)


@pytest.fixture(scope="module")
def on_jax(start: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, float]]]:
    pytest.importorskip("jax", reason="JAX is not installed")
    folder = tmp_path_factory.mktemp("jax")
    write_keras(start, folder)
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.model.training.trained_on_jax", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return folder, json.loads(ended.stdout.splitlines()[-1])


def weights(folder: Path, name: str) -> list[np.ndarray]:
    with np.load(folder / f"{name}-weights.npz") as file:
        return [file[f"arr_{number}"] for number in range(len(file.files))]


def furthest(ones: list[np.ndarray], others: list[np.ndarray]) -> float:
    return max(float(np.abs(one - other).max()) for one, other in zip(ones, others, strict=True))


def test_it_comes_to_the_network_that_tensorflow_comes_to(
    start: Any, on_jax: tuple[Path, list[dict[str, float]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.training.loop.computing_dtype", lambda: "float32")
    folder, history = on_jax

    here = train(bars_of(*IMAGES), 10, RECIPE, checkpoint=tmp_path / "here.npz", start=start, teachers=[start])

    assert [epoch["loss"] for epoch in history] == pytest.approx([epoch["loss"] for epoch in here.history], rel=1e-3)
    moved = furthest(here.model.get_weights(), start.get_weights())
    assert moved > 0.01
    assert furthest(weights(folder, "whole"), here.model.get_weights()) < 0.02 * moved


def test_it_resumes_to_the_network_of_an_uninterrupted_training(on_jax: tuple[Path, list[dict[str, float]]]) -> None:
    folder, _ = on_jax

    for one, other in zip(weights(folder, "resumed"), weights(folder, "whole"), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
