"""Backbones: networks trained on ImageNet, to be trained on with photographs of one's own.

EfficientNet-Lite0 is EfficientNet-B0 (Tan and Le 2019, arXiv:1905.11946) without squeeze-and-excite and with ReLU6
instead of swish, so that it quantises well (tensorflow/tpu, models/official/efficientnet/lite). Scaling of pixels is
inside, as there: (value − 127) / 128.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model import keras_backbones
from model.backbone_weights import BackboneCorrupt, BackboneError, read

DEFAULT = "efficientnet-lite0"
FEATURES = 1280
IMAGENET_CATEGORIES = 1000
HEAD = frozenset({"fc/kernel", "fc/bias"})
"""What only `imagenet_classifier` has."""

STAGES = (
    # how often, kernel, stride, widened by, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class BackboneUnknown(Exception):
    """No backbone has that name; the message lists those that there are."""


class BackboneMissing(BackboneError):
    """The weights are not at hand; the message says how to get them."""


def check(name: str) -> None:
    """Raises BackboneUnknown."""
    if not is_known(name):
        names = (DEFAULT, *keras_backbones.BACKBONES)
        raise BackboneUnknown(f"no backbone is called {name!r}: choose one of {', '.join(names)}")


def find(name: str, folders: Sequence[Path]) -> Path:
    """The file of its weights, in the first of `folders` that has it. Nothing is ever downloaded.

    Raises BackboneUnknown, or BackboneMissing.
    """
    check(name)
    ours = name == DEFAULT
    file = f"{name}.npz" if ours else keras_backbones.BACKBONES[name].weights
    found = [folder / file for folder in folders if (folder / file).is_file()]
    if found:
        return found[0]
    remedy = "make them with `tagger model backbone`" if ours else "put Keras's file there"
    places = ", ".join(map(str, folders))
    raise BackboneMissing(f"the weights of {name} ({file}) are not in {places}: {remedy}")


def build(weights: Path | None, *, size: int, dtype: str = "float32", name: str = DEFAULT) -> Any:
    """keras.Model: uint8-valued float[N, size, size, 3] -> features float32[N, D]; D is 1280 for EfficientNet-Lite0.

    `weights` is a file that `find` names; None leaves chance in its place. `dtype` is a Keras policy, as in
    `model.network.build`. Raises BackboneUnknown, BackboneMissing or BackboneCorrupt.
    """
    import keras

    check(name)
    if weights and not weights.is_file():
        raise BackboneMissing(f"{weights}, the weights of {name}, is not there: make it with `tagger model backbone`")
    if name != DEFAULT:
        return keras_backbones.build(name, weights, size=size, dtype=dtype)
    arrays = read(weights) if weights else {}
    model = keras.Model(*_features(size, dtype), name=name)
    if weights:
        assign(model, {each: array for each, array in arrays.items() if each not in HEAD})
    return model


def is_known(name: str) -> bool:
    """Is there a backbone of that name? Its weights may still be missing."""
    return name == DEFAULT or name in keras_backbones.BACKBONES


def classifier(name: str, weights: Path | None, *, size: int, categories: int, dtype: str = "float32") -> Any:
    """keras.Model: uint8-valued float[N, size, size, 3] -> logits float32[N, categories], the head still chance.

    Raises what `build` does.
    """
    import keras

    features = build(weights, size=size, dtype=dtype, name=name)
    logits = keras.layers.Dense(categories, dtype="float32", name="logits")(features.output)
    return keras.Model(features.input, logits, name=name)


def imagenet_classifier(weights: Path | None, *, size: int) -> Any:
    """keras.Model: uint8-valued float[N, size, size, 3] -> logits float32[N, 1000], to check EfficientNet-Lite0 with.

    Raises BackboneCorrupt.
    """
    import keras

    pixels, features = _features(size, "float32")
    logits = keras.layers.Dense(IMAGENET_CATEGORIES, name="fc")(features)
    model = keras.Model(pixels, logits, name=DEFAULT)
    if weights:
        assign(model, read(weights))
    return model


def assign(model: Any, arrays: Mapping[str, Any]) -> None:
    """Give a keras.Model these weights, by "layer/weight". Raises BackboneCorrupt unless all fit and none is left."""
    variables = {each.path: each for each in model.weights}
    if variables.keys() != arrays.keys():
        names = ", ".join(sorted(variables.keys() ^ arrays.keys())[:3])
        raise BackboneCorrupt(f"these weights are of another network (what differs begins with {names})")
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            expected = f"{tuple(variable.shape)}, not {arrays[name].shape}"
            raise BackboneCorrupt(f"these weights are of another network ({name} should be {expected})")
    for name, variable in variables.items():
        variable.assign(arrays[name].astype("float32"))


def _features(size: int, dtype: str) -> tuple[Any, Any]:
    from keras import Input, layers

    pixels = Input((size, size, 3), name="pixels", dtype="float32")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, dtype=dtype)(pixels)
    x = _activated(_normalised(_convolution(x, 32, "conv_stem", dtype, kernel=3, stride=2), "bn0", dtype), dtype)
    number, before = 0, 32
    for count, kernel, stride, widened, channels in STAGES:
        for place in range(count):
            x = _block(x, f"blocks_{number}", dtype, kernel, 1 if place else stride, before * widened, channels)
            number, before = number + 1, channels
    x = _activated(_normalised(_convolution(x, FEATURES, "conv_head", dtype), "bn1", dtype), dtype)
    return pixels, layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)


def _block(x: Any, name: str, dtype: str, kernel: int, stride: int, inner: int, channels: int) -> Any:
    """Widen (unless it is wide already), look around within each channel, narrow; add what came in where that fits."""
    from keras import layers

    before = x
    if inner != x.shape[-1]:
        x = _normalised(_convolution(x, inner, f"{name}_expand_conv", dtype), f"{name}_bn0", dtype)
        x = _activated(x, dtype)
    x = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", use_bias=False, dtype=dtype, name=f"{name}_depthwise_conv"
    )(x)
    x = _activated(_normalised(x, f"{name}_bn1", dtype), dtype)
    x = _normalised(_convolution(x, channels, f"{name}_project_conv", dtype), f"{name}_bn2", dtype)
    return layers.Add(dtype=dtype)([x, before]) if stride == 1 and before.shape[-1] == channels else x


def _convolution(x: Any, channels: int, name: str, dtype: str, *, kernel: int = 1, stride: int = 1) -> Any:
    from keras import layers

    # "same" in TensorFlow's way, one more on the right and below where the stride leaves an odd rest: trained so
    return layers.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False, dtype=dtype, name=name)(x)


def _normalised(x: Any, name: str, dtype: str) -> Any:
    from keras import layers

    # the original's figures; what PyTorch calls a momentum of 0.01 is one of 0.99 here
    return layers.BatchNormalization(momentum=0.99, epsilon=1e-3, dtype=dtype, name=name)(x)


def _activated(x: Any, dtype: str) -> Any:
    from keras import layers

    return layers.ReLU(max_value=6, dtype=dtype)(x)
