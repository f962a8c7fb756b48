"""Static int8: kernels and what goes between layers are int8 while the network runs, and its outputs stay near."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.keras_network import with_features
from model.runtimes import LiteRT
from model.training.publishing import quantization
from model.training.publishing.export import write_tflite
from tests.bundles import KERAS_AND_NUMPY
from tests.model.pictures import noise

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

SIZE, CATEGORIES, CHANNELS = 32, 3, 24


def built(*, depthwise: bool) -> Any:
    """float32[N, 32, 32, 3] -> logits float32[N, 3]: a stem, a depthwise convolution or not, and an ordinary one."""
    import keras

    keras.utils.set_random_seed(5)
    layers = keras.layers
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = layers.Rescaling(1 / 128, offset=-1)(pixels)
    x = layers.ReLU(6)(layers.Conv2D(CHANNELS, 3, strides=2, name="stem")(x))
    if depthwise:
        x = layers.ReLU(6)(layers.DepthwiseConv2D(3, name="depthwise")(x))
    x = layers.ReLU(6)(layers.Conv2D(2 * CHANNELS, 1, name="late")(x))
    return keras.Model(pixels, layers.Dense(CATEGORIES, name="logits")(layers.GlobalAveragePooling2D()(x)))


def images(count: int = 12) -> np.ndarray:
    return np.stack([np.asarray(noise(seed, (SIZE, SIZE))) for seed in range(count)])


def types(path: Path) -> dict[str, str]:
    """Return the type that each tensor has while the network runs."""
    from ai_edge_litert.interpreter import Interpreter

    return {tensor["name"]: np.dtype(tensor["dtype"]).name for tensor in Interpreter(str(path)).get_tensor_details()}


def types_of(layer: str, tensors: dict[str, str]) -> set[str]:
    """Return the types of a layer's outputs, by the names that the converter gives them."""
    return {kind for name, kind in tensors.items() if f"/{layer}_" in name and "Relu6" in name}


@pytest.mark.parametrize("depthwise", [False, True])
def test_answers_stay_near_those_of_the_floats(tmp_path: Path, depthwise: bool) -> None:
    network = built(depthwise=depthwise)

    write_tflite(network, tmp_path, "static int8", images())

    outputs = LiteRT(tmp_path / "model.tflite", threads=1).run(images())
    expected = np.asarray(with_features(network)(images().astype(np.float32)))
    assert outputs.shape == expected.shape
    assert 0 < np.abs(outputs - expected).max() < 0.05 * np.abs(expected).max()


def test_what_goes_between_the_layers_is_int8(tmp_path: Path) -> None:
    write_tflite(built(depthwise=False), tmp_path, "static int8", images())

    tensors = types(tmp_path / "model.tflite")
    assert "int8" in types_of("stem", tensors)
    assert "int8" in types_of("late", tensors)


def test_layers_up_to_the_first_depthwise_convolution_stay_floats(tmp_path: Path) -> None:
    write_tflite(built(depthwise=True), tmp_path, "static int8", images())

    tensors = types(tmp_path / "model.tflite")
    assert types_of("stem", tensors) == {"float32"}
    assert "int8" in types_of("late", tensors)


def test_the_same_images_give_the_same_network(tmp_path: Path) -> None:
    network, outputs = built(depthwise=True), []

    for _ in range(2):
        write_tflite(network, tmp_path, "static int8", images())
        outputs.append(LiteRT(tmp_path / "model.tflite", threads=1).run(images()))

    np.testing.assert_array_equal(*outputs)


def test_a_range_gives_up_a_lone_outlier_for_finer_steps() -> None:
    values = np.concatenate([np.random.default_rng(1).uniform(0, 1, 1_000_000), [3.0]]).astype(np.float32)

    low, high = quantization._range(values)

    assert low == 0
    assert 0.9 < high < 3


@pytest.mark.parametrize("values", [[0.0, 0.0], [-2.0, -1.0], [1.0, 1.0]])
def test_a_range_holds_nothing_too_and_is_never_empty_of_what_there_is(values: list[float]) -> None:
    low, high = quantization._range(np.array(values, np.float32))

    assert low <= 0 <= high
    assert (high > low) == any(values)
