"""Export of a trained keras.Model as model.keras and model.tflite."""

import contextlib
import io
import itertools
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.keras_network import with_features
from model.training.publishing import quantization

Images = npt.NDArray[np.uint8]

LARGE = 60_000  # layers of at least so many weights become int8 in the file ("int8 weights")


def write_keras(model: Any, folder: Path) -> None:
    """Write model.keras into `folder`, without the optimizer, and compressed, which Keras does not do."""
    aside = folder / "unpacked.keras"
    model.save(aside, include_optimizer=False)
    with zipfile.ZipFile(aside) as source, zipfile.ZipFile(folder / "model.keras", "w", zipfile.ZIP_DEFLATED) as packed:
        for member in source.infolist():
            packed.writestr(member.filename, source.read(member))
    aside.unlink()


def write_tflite(model: Any, folder: Path, weights: str, images: Images | None = None) -> None:
    """Write model.tflite, float32[N, H, W, C] -> logits and features float32[N, K + D], into `folder`.

    `weights` are "static int8" (int8 activations too, whose ranges are measured beforehand on `images`,
    uint8[N, H, W, C] as served), "int8" (activations quantised as they come: "dynamic range"), "int8 weights" (int8 in
    the file alone, floats when run) or "float16". Raises ValueError for "static int8" without images.
    """
    (folder / "model.tflite").write_bytes(_tflite(with_features(model), weights, images))


def in_half_precision(model: Any) -> None:
    """Round a keras.Model's kernels to float16, which halves the compressed file and hardly changes an output."""
    for variable in model.weights:
        if len(variable.shape) > 1:
            variable.assign(np.asarray(variable).astype(np.float16).astype(np.float32))


def _tflite(model: Any, weights: str, images: Images | None) -> bytes:
    match weights:
        case "static int8":
            if images is None:
                raise ValueError("static int8 needs images to measure the ranges of activations on")
            return quantization.static(_converted(model), images, _early_layers(model))
        case "int8 weights":
            layers = _large_layers(model)
            network = _converted(model)
            return quantization.with_int8_weights(network, layers) if layers else network
        case _:
            return _converted(model, weights)


def _converted(model: Any, weights: str = "") -> bytes:
    """Convert by TensorFlow alone, which can do "int8" and "float16"; otherwise all stays float32."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if weights:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    with contextlib.redirect_stdout(io.StringIO()):  # the converter prints a page about itself
        return bytes(converter.convert())


def _early_layers(model: Any) -> list[str]:
    """Return the names of the layers up to the first depthwise convolution; none where there is no such layer.

    Channels of a depthwise convolution differ in scale, and an early error passes through all that follows: kept as
    floats, these few layers take a third off the error of the whole (docs/research/experiments.md).
    """
    from keras import layers

    inner = _layers(model)
    depthwise = [isinstance(layer, layers.DepthwiseConv2D) for layer in inner]
    early = inner[: depthwise.index(True) + 1] if any(depthwise) else []
    kinds = layers.Rescaling | layers.Conv2D | layers.DepthwiseConv2D
    return [layer.name for layer in early if isinstance(layer, kinds)]


def _large_layers(model: Any) -> list[str]:
    """Return the names of convolutions with many weights: most of the bytes, and the least harmed by rounding."""
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.SeparableConv2D)
    return [
        layer.name
        for layer in _layers(model)
        if isinstance(layer, kinds) and max(math.prod(weights.shape) for weights in layer.weights) >= LARGE
    ]


def _layers(model: Any) -> list[Any]:
    """Return its layers, those of models inside it included."""
    import keras

    parts = (layer.layers if isinstance(layer, keras.Model) else [layer] for layer in model.layers)
    return [*itertools.chain.from_iterable(parts)]
