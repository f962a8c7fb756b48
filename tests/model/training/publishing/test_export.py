"""Export of a small random network: int8 kernels keep the file small and the outputs nearly the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.keras_network import load_network, with_features
from model.runtimes import LiteRT
from model.training.publishing.export import LARGE, in_half_precision, write_keras, write_tflite
from tests.bundles import KERAS_AND_NUMPY
from tests.model.pictures import noise

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

SIZE, CATEGORIES, FEATURES = 16, 3, 128
SMALL = "small"
LARGE_ONE = "large"


def built(channels: int = 64) -> Any:
    """float32[N, 16, 16, 3] -> logits float32[N, 3], with a small and a large convolution."""
    import keras

    keras.utils.set_random_seed(4)
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 128, offset=-1)(pixels)
    x = keras.layers.Conv2D(channels, 3, strides=2, activation="relu", name=SMALL)(x)
    x = keras.layers.Conv2D(FEATURES, 3, strides=2, activation="relu", name=LARGE_ONE)(x)
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(pixels, keras.layers.Dense(CATEGORIES, name="logits")(x))


@pytest.fixture(scope="module")
def network() -> Any:
    return built()


@pytest.fixture(scope="module")
def folder(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("int8")
    write_keras(network, place)
    write_tflite(network, place, "int8 weights")
    return place


def images() -> np.ndarray:
    return np.stack([np.asarray(noise(seed, (SIZE, SIZE))) for seed in range(12)])


def kernel_types(path: Path) -> dict[int, set[str]]:
    """Return the types that each convolution's kernel has in the file and when run, by its number of weights."""
    from ai_edge_litert.interpreter import Interpreter

    details = Interpreter(str(path), num_threads=1).get_tensor_details()
    kernels = (27 * 64, 9 * 64 * FEATURES)
    of_size = {size: [tensor for tensor in details if np.prod(tensor["shape"]) == size] for size in kernels}
    return {size: {np.dtype(tensor["dtype"]).name for tensor in tensors} for size, tensors in of_size.items()}


def test_it_answers_nearly_as_keras_does(network: Any, folder: Path) -> None:
    outputs = LiteRT(folder / "model.tflite", threads=1).run(images())

    expected = np.asarray(with_features(network)(images().astype(np.float32)))
    assert outputs.shape == (12, CATEGORIES + FEATURES)
    assert np.abs(outputs - expected).max() < 0.02 * np.abs(expected).max()
    assert np.abs(outputs - expected).max() > 0


def test_the_file_is_less_than_half_of_the_floats(network: Any, folder: Path) -> None:
    assert (folder / "model.tflite").stat().st_size < 4 * network.count_params() / 2


def test_only_a_large_layer_is_rounded(folder: Path) -> None:
    small, large = 27 * 64, 9 * 64 * FEATURES

    assert small < LARGE <= large
    assert kernel_types(folder / "model.tflite") == {small: {"float32"}, large: {"int8", "float32"}}


def test_a_network_of_small_layers_alone_stays_as_it_is(tmp_path: Path) -> None:
    network = built(channels=8)

    write_tflite(network, tmp_path, "int8 weights")

    outputs = LiteRT(tmp_path / "model.tflite", threads=1).run(images())
    expected = np.asarray(with_features(network)(images().astype(np.float32)))
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_the_large_half_of_a_separable_convolution_is_rounded(tmp_path: Path) -> None:
    import keras

    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = keras.layers.SeparableConv2D(1_000, 3)(keras.layers.Conv2D(64, 3)(pixels))
    x = keras.layers.GlobalAveragePooling2D()(x)
    network = keras.Model(pixels, keras.layers.Dense(CATEGORIES, name="logits")(x))

    write_tflite(network, tmp_path, "int8 weights")

    assert (tmp_path / "model.tflite").stat().st_size < 4 * network.count_params() / 2


def test_nothing_is_printed(network: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_tflite(network, tmp_path, "int8 weights")

    printed = capfd.readouterr()
    ours = [
        line for line in (printed.out + printed.err).splitlines() if not re.match(r"WARNING: All log|[IWE]\d{4} ", line)
    ]
    assert ours == []


def test_the_archive_for_keras_is_packed_and_comes_back(network: Any, folder: Path) -> None:
    back = load_network(folder)

    pixels = images().astype(np.float32)
    np.testing.assert_array_equal(np.asarray(back(pixels)), np.asarray(network(pixels)))
    assert sorted(path.name for path in folder.iterdir()) == ["model.keras", "model.tflite"]


def test_half_precision_halves_the_archive_and_hardly_changes_an_answer(folder: Path, tmp_path: Path) -> None:
    import keras

    rounded = keras.models.clone_model(built())
    rounded.set_weights(built().get_weights())

    in_half_precision(rounded)

    pixels = images().astype(np.float32)
    np.testing.assert_allclose(np.asarray(rounded(pixels)), np.asarray(built()(pixels)), atol=2e-3)
    kernel = rounded.get_layer(LARGE_ONE).get_weights()[0]
    np.testing.assert_array_equal(kernel, kernel.astype(np.float16))
    write_keras(rounded, tmp_path)
    sizes = [(place / "model.keras").stat().st_size for place in (tmp_path, folder)]
    assert sizes[0] < 0.75 * sizes[1]
