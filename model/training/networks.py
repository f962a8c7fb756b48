"""The networks, as Keras models that scale pixels themselves, so that training and serving cannot drift apart."""

import math
from collections.abc import Callable
from typing import Any

from model import ModelError

DEFAULT = "slim"
"""The network that is trained when none is named, as small as validation allows (docs/research/experiments.md)."""


class NetworkUnknown(ModelError):
    """No network has that name; the message lists those that there are."""


def build(name: str, *, size: int, channels: int, categories: int, dtype: str = "float32") -> Any:
    """Build a keras.Model: uint8-valued float[N, size, size, channels] -> logits float32[N, categories].

    `dtype` is a Keras policy ("mixed_bfloat16" computes in bfloat16 and keeps weights in float32).
    """
    import keras

    check(name)
    pixels = keras.Input((size, size, channels), name="pixels", dtype="float32")
    features = NETWORKS[name](keras.layers.Rescaling(1 / 255, dtype=dtype)(pixels), dtype)
    logits = keras.layers.Dense(categories, dtype="float32", name="logits")(features)
    return keras.Model(pixels, logits, name=name)


def check(name: str) -> None:
    """Raise NetworkUnknown unless there is a network of that name."""
    if name not in NETWORKS:
        raise NetworkUnknown(f"no network is called {name!r}: choose one of {', '.join(sorted(NETWORKS))}")


def multiply_adds(model: Any) -> int:
    """Count multiply-adds for one image, in the convolutions and dense layers of a keras.Model."""
    layers = [layer for layer in model.layers if hasattr(layer, "kernel")]
    return int(sum(math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape) for layer in layers))


def baseline(x: Any, dtype: str) -> Any:
    """Build the student project's layers: 3.8 M multiply-adds, 0.82 M parameters."""
    from keras import layers

    for channels in (32, 64):
        x = layers.MaxPooling2D(dtype=dtype)(layers.Conv2D(channels, 3, activation="relu", dtype=dtype)(x))
    x = layers.Flatten(dtype=dtype)(layers.Conv2D(128, 3, activation="relu", dtype=dtype)(x))
    x = layers.Dense(512, activation="relu", dtype=dtype)(x)
    return layers.Dense(256, activation="relu", dtype=dtype)(layers.Dropout(0.5, dtype=dtype)(x))


def strided(x: Any, dtype: str) -> Any:
    """Build a strided stem, so that nothing has full resolution: 14.4 M multiply-adds, 0.39 M parameters."""
    x = _convolution(x, 32, dtype, kernel=4, stride=2)
    x = _halved(_convolution(x, 48, dtype), dtype)
    x = _residual(_convolution(x, 96, dtype), 96, dtype)
    x = _convolution(_halved(x, dtype), 192, dtype)
    return _pooled(x, dtype)


def fullres(x: Any, dtype: str) -> Any:
    """Build stages that widen before they are halved: 71 M multiply-adds, 0.97 M parameters."""
    return _widening(x, dtype, stem=24, inside=(64, 128))


def slim(x: Any, dtype: str) -> Any:
    """Build `fullres` with fewer channels in stem and branches: 60 M multiply-adds, 0.88 M parameters."""
    return _widening(x, dtype, stem=16, inside=(48, 96))


def wideresnet(x: Any, dtype: str) -> Any:
    """Build WRN-16-4, a teacher too large to tag with: 297 M multiply-adds, 2.7 M parameters.

    Zagoruyko and Komodakis 2016, arXiv:1605.07146.
    """
    from keras import layers

    x = layers.Conv2D(16, 3, padding="same", use_bias=False, dtype=dtype)(x)
    for channels, stride in ((64, 1), (128, 2), (256, 2)):
        x = _preactivated(_preactivated(x, channels, dtype, stride=stride), channels, dtype)
    return layers.GlobalAveragePooling2D(dtype=dtype)(_activated(x, dtype))


NETWORKS: dict[str, Callable[[Any, str], Any]] = {
    network.__name__: network for network in (baseline, strided, fullres, slim, wideresnet)
}


def _widening(x: Any, dtype: str, *, stem: int, inside: tuple[int, int]) -> Any:
    """Build stages of 64, 128 and 256 channels after `stem`, with `inside` within the two pairs of convolutions."""
    x = _convolution_halved(_convolution(x, stem, dtype), 64, dtype)
    x = _convolution_halved(_residual(x, 64, dtype, inside=inside[0]), 128, dtype)
    x = _convolution_halved(_residual(x, 128, dtype, inside=inside[1]), 256, dtype)
    return _pooled(_bottleneck(x, 256, dtype), dtype)


def _convolution(x: Any, channels: int, dtype: str, *, kernel: int = 3, stride: int = 1) -> Any:
    from keras import layers

    x = layers.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False, dtype=dtype)(x)
    return _activated(x, dtype)


def _convolution_halved(x: Any, channels: int, dtype: str) -> Any:
    """Halve before normalising, which then costs a quarter."""
    from keras import layers

    x = layers.Conv2D(channels, 3, padding="same", use_bias=False, dtype=dtype)(x)
    return _activated(_halved(x, dtype), dtype)


def _activated(x: Any, dtype: str) -> Any:
    from keras import layers

    # momentum 0.9: a run has few thousand steps, the default of 0.99 would still remember the first epochs
    return layers.ReLU(dtype=dtype)(layers.BatchNormalization(momentum=0.9, dtype=dtype)(x))


def _residual(x: Any, channels: int, dtype: str, *, inside: int = 0) -> Any:
    """Add a pair of convolutions to their input, with `inside` channels between them, or with `channels`."""
    from keras import layers

    branch = _convolution(_convolution(x, inside or channels, dtype), channels, dtype)
    return layers.Add(dtype=dtype)([x, branch])


def _preactivated(x: Any, channels: int, dtype: str, *, stride: int = 1) -> Any:
    """Add a pair of convolutions, each normalised before it, to their input (He et al. 2016, arXiv:1603.05027).

    Where the shape changes, the input passes through a convolution of its own.
    """
    from keras import layers

    first = _activated(x, dtype)
    if x.shape[-1] != channels or stride > 1:
        x = layers.Conv2D(channels, 1, strides=stride, use_bias=False, dtype=dtype)(first)
    branch = _convolution(first, channels, dtype, stride=stride)
    branch = layers.Conv2D(channels, 3, padding="same", use_bias=False, dtype=dtype)(branch)
    return layers.Add(dtype=dtype)([x, branch])


def _bottleneck(x: Any, channels: int, dtype: str) -> Any:
    """Build `_residual` through half as many channels (He et al. 2015, arXiv:1512.03385)."""
    from keras import layers

    branch = _convolution(_convolution(x, channels // 2, dtype, kernel=1), channels // 2, dtype)
    return layers.Add(dtype=dtype)([x, _convolution(branch, channels, dtype, kernel=1)])


def _halved(x: Any, dtype: str) -> Any:
    from keras import layers

    return layers.MaxPooling2D(dtype=dtype)(x)


def _pooled(x: Any, dtype: str) -> Any:
    from keras import layers

    return layers.GlobalMaxPooling2D(dtype=dtype)(x)
