"""Backbones: networks trained on ImageNet, to be trained on with photographs of one's own.

These are the EfficientNet-Lites; see model.training.backbones.efficientnet_lite.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model import ModelError
from model.training.backbones import efficientnet_lite
from model.training.backbones.weights import BackboneCorrupt, BackboneError, read

DEFAULT = "efficientnet-lite0"
IMAGENET_CATEGORIES = 1000
HEAD = frozenset({"fc/kernel", "fc/bias"})
"""What only `imagenet_classifier` has."""


class BackboneUnknown(ModelError):
    """No backbone has that name; the message lists those that there are."""


class BackboneMissing(BackboneError):
    """The weights are not at hand; the message says how to get them."""


def check(name: str) -> None:
    """Raises BackboneUnknown."""
    if not is_known(name):
        names = ", ".join(efficientnet_lite.VARIANTS)
        raise BackboneUnknown(f"no backbone is called {name!r}: choose one of {names}")


def find(name: str, folder: Path) -> Path:
    """The file of its weights in `folder`. Nothing is ever downloaded.

    Raises BackboneUnknown, or BackboneMissing.
    """
    check(name)
    path = folder / f"{name}.npz"
    if path.is_file():
        return path
    raise BackboneMissing(
        f"the weights of {name} ({path.name}) are not in {folder}: make them with `tagger model backbone {name}`"
    )


def build(weights: Path | None, *, size: int, dtype: str = "float32", name: str = DEFAULT) -> Any:
    """keras.Model: uint8-valued float[N, size, size, 3] -> features float32[N, D]; D is 1280.

    `weights` is a file that `find` names; None leaves chance in its place. `dtype` is a Keras policy, as in
    `model.training.networks.build`. Raises BackboneUnknown, BackboneMissing or BackboneCorrupt.
    """
    import keras

    check(name)
    if weights and not weights.is_file():
        raise BackboneMissing(
            f"{weights}, the weights of {name}, is not there: make it with `tagger model backbone {name}`"
        )
    arrays = read(weights) if weights else {}
    model = keras.Model(*efficientnet_lite.features(name, size, dtype), name=name)
    if weights:
        assign(model, {each: array for each, array in arrays.items() if each not in HEAD})
    return model


def is_known(name: str) -> bool:
    """Is there a backbone of that name? Its weights may still be missing."""
    return name in efficientnet_lite.VARIANTS


def classifier(name: str, weights: Path | None, *, size: int, categories: int, dtype: str = "float32") -> Any:
    """keras.Model: uint8-valued float[N, size, size, 3] -> logits float32[N, categories], the head still chance.

    Raises what `build` does.
    """
    import keras

    features = build(weights, size=size, dtype=dtype, name=name)
    logits = keras.layers.Dense(categories, dtype="float32", name="logits")(features.output)
    return keras.Model(features.input, logits, name=name)


def imagenet_classifier(weights: Path | None, *, size: int, name: str = DEFAULT) -> Any:
    """keras.Model: uint8-valued float[N, size, size, 3] -> logits float32[N, 1000], to check an EfficientNet-Lite with.

    Raises BackboneCorrupt.
    """
    import keras

    pixels, features = efficientnet_lite.features(name, size, "float32")
    logits = keras.layers.Dense(IMAGENET_CATEGORIES, name="fc")(features)
    model = keras.Model(pixels, logits, name=name)
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
