"""Backbones: networks trained on ImageNet, to be fine-tuned on photographs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from model import ModelError
from model.manifest import sha256
from model.training.backbones import efficientnet_lite, weights as weights_files
from model.training.backbones.weights import BackboneCorrupt, BackboneError, read

DEFAULT = "efficientnet-lite0"
IMAGENET_CATEGORIES = 1000
HEAD = frozenset({"fc/kernel", "fc/bias"})  # what only `imagenet_classifier` has


class BackboneUnknown(ModelError):
    """No backbone has that name; the message lists those that there are."""


class BackboneMissing(BackboneError):
    """The weights are not there; the message says how to get them."""


def check(name: str) -> None:
    """Raise BackboneUnknown unless there is a backbone of that name."""
    if not is_known(name):
        names = ", ".join(efficientnet_lite.VARIANTS)
        raise BackboneUnknown(f"no backbone is called {name!r}: choose one of {names}")


def find_or_convert(name: str, folder: Path, announce: Callable[[str], None] = lambda _: None) -> Path:
    """Return the file of its weights in `folder`, converted from the installed package at first use.

    Raises BackboneUnknown, BackboneMissing where the file cannot be written, PackageMissing, or BackboneCorrupt.
    """
    check(name)
    path = folder / f"{name}.npz"
    try:
        if not path.is_file():
            announce(f"converting the ImageNet weights of {name} to {path}, once …")
            convert(name, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BackboneMissing(
            f"the weights of {name} cannot be kept in {folder} ({reason}): set HOME to a folder that can be written"
        ) from error
    return path


def convert(name: str, path: Path, checkpoint: Path | None = None) -> str:
    """Convert `checkpoint`, or that of the installed package, to the file `path`; returns its origin.

    The file is written only if the network takes every weight. Raises BackboneUnknown, PackageMissing, BackboneCorrupt,
    CheckpointRefused, and OSError.
    """
    check(name)
    source, version = (checkpoint, "") if checkpoint else weights_files.packaged(name)
    package = weights_files.package_of(name)
    arrays = weights_files.converted(source)
    assign(imagenet_classifier(None, size=32, name=name), arrays)
    origin = {"source": package, "version": version, "licence": "Apache-2.0"}
    if checkpoint:
        origin = {"source": checkpoint.name, "version": "", "licence": ""}
    weights_files.write(arrays, path, origin | {"checkpoint_sha256": sha256(source)})
    return str(checkpoint) if checkpoint else f"{package} {version}"


def build(weights: Path | None, *, size: int, dtype: str = "float32", name: str = DEFAULT) -> Any:
    """Build a keras.Model: uint8-valued float[N, size, size, 3] -> features float32[N, D]; D is 1280.

    `weights` is the file of `find_or_convert`, or None for random weights. `dtype` is a Keras policy, as in
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
        assign(model, {path: array for path, array in arrays.items() if path not in HEAD})
    return model


def is_known(name: str) -> bool:
    """Return whether there is a backbone of that name; its weights may still be missing."""
    return name in efficientnet_lite.VARIANTS


def classifier(name: str, weights: Path | None, *, size: int, categories: int, dtype: str = "float32") -> Any:
    """Build a keras.Model: uint8-valued float[N, size, size, 3] -> logits float32[N, categories], by a random head.

    Raises what `build` does.
    """
    import keras

    features = build(weights, size=size, dtype=dtype, name=name)
    logits = keras.layers.Dense(categories, dtype="float32", name="logits")(features.output)
    return keras.Model(features.input, logits, name=name)


def imagenet_classifier(weights: Path | None, *, size: int, name: str = DEFAULT) -> Any:
    """Build the published keras.Model: uint8-valued float[N, size, size, 3] -> logits float32[N, 1000].

    It checks a backbone and its weights. Raises BackboneCorrupt.
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
    variables = {variable.path: variable for variable in model.weights}
    if variables.keys() != arrays.keys():
        names = ", ".join(sorted(variables.keys() ^ arrays.keys())[:3])
        raise BackboneCorrupt(f"these weights are of another network (what differs begins with {names})")
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            expected = f"{tuple(variable.shape)}, not {arrays[name].shape}"
            raise BackboneCorrupt(f"these weights are of another network ({name} should be {expected})")
    for name, variable in variables.items():
        variable.assign(arrays[name].astype("float32"))
