"""A trained keras.Model -> model.keras and model.tflite, and back."""

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

LARGE = 60_000
"""Weights of a layer, from which on they are rounded to int8 where float16 would be too many bytes."""


def write_keras(model: Any, folder: Path) -> None:
    """Write model.keras into `folder`: no optimizer in it, and it gives logits.

    Packed once more, as Keras leaves its archive as large as the weights are.
    """
    aside = folder / "unpacked.keras"
    model.save(aside, include_optimizer=False)
    with (
        zipfile.ZipFile(aside) as source,
        zipfile.ZipFile(folder / "model.keras", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for each in source.infolist():
            packed.writestr(each.filename, source.read(each))
    aside.unlink()


def write_tflite(model: Any, folder: Path, weights: str, images: Images | None = None) -> None:
    """Write model.tflite into `folder`: it takes float32[N, H, W, C] and gives logits and features side by side,
    float32[N, K + D].

    Its `weights`: "static int8", with activations whose ranges `images`, uint8[N, H, W, C] as it is served, tell
    beforehand; "int8", with activations quantised as they come ("dynamic range"); "int8 weights", which are int8 in
    the file alone, so that only they are rounded; or "float16". Raises ValueError if the first comes without images.
    """
    (folder / "model.tflite").write_bytes(_tflite(with_features(model), weights, images))


def in_half_precision(model: Any) -> None:
    """Round a keras.Model's kernels to what float16 can say: half the bytes to keep, and hardly an answer changes."""
    for variable in model.weights:
        if len(variable.shape) > 1:
            variable.assign(np.asarray(variable).astype(np.float16).astype(np.float32))


def _tflite(model: Any, weights: str, images: Images | None) -> bytes:
    match weights:
        case "static int8":
            if images is None:
                raise ValueError("static int8 takes images, to see how far the activations range")
            return quantization.static(_converted(model), images, _early_layers(model))
        case "int8 weights":
            layers = _large_layers(model)
            network = _converted(model)
            return quantization.with_int8_weights(network, layers) if layers else network
        case _:
            return _converted(model, weights)


def _converted(model: Any, weights: str = "") -> bytes:
    """By TensorFlow alone, which knows "int8" and "float16"; unless told, all stays float32."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if weights:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    with contextlib.redirect_stdout(io.StringIO()):  # the converter prints a page about itself
        return bytes(converter.convert())


def _early_layers(model: Any) -> list[str]:
    """Names of the layers with numbers of their own up to the first depthwise convolution; none where there is none.

    What a depthwise convolution makes is of another scale in each channel, and what is lost early is lost to all that
    follows: left as floats, these few layers take a third off the error of the whole (docs/research/experiments.md).
    """
    from keras import layers

    found = _layers(model)
    depthwise = [isinstance(each, layers.DepthwiseConv2D) for each in found]
    early = found[: depthwise.index(True) + 1] if any(depthwise) else []
    return [each.name for each in early if isinstance(each, layers.Rescaling | layers.Conv2D | layers.DepthwiseConv2D)]


def _large_layers(model: Any) -> list[str]:
    """Names of convolutions with many weights: most of the bytes, and the least of what rounding changes."""
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.SeparableConv2D)
    return [
        each.name
        for each in _layers(model)
        if isinstance(each, kinds) and max(math.prod(weights.shape) for weights in each.weights) >= LARGE
    ]


def _layers(model: Any) -> list[Any]:
    """Those of the models inside it, too."""
    import keras

    parts = (layer.layers if isinstance(layer, keras.Model) else [layer] for layer in model.layers)
    return [*itertools.chain.from_iterable(parts)]
