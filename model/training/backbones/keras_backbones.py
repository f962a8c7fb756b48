"""Backbones of `keras.applications`, where their weights are at hand. Keras would download them; this never does."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.training.backbones.weights import BackboneCorrupt


@dataclass(frozen=True, slots=True)
class KerasBackbone:
    """A class in `keras.applications`, and the file name under which Keras keeps its weights without a head."""

    maker: str
    weights: str


BACKBONES = {
    "mobilenet-v2": KerasBackbone("MobileNetV2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"),
    "xception": KerasBackbone("Xception", "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"),
}
"""Both want pixels scaled to −1 … 1."""


def build(name: str, weights: Path | None, *, size: int, dtype: str) -> Any:
    """keras.Model: uint8-valued float[N, size, size, 3] -> features float32[N, D]. Raises BackboneCorrupt."""
    import keras

    pixels = keras.Input((size, size, 3), name="pixels", dtype="float32")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1, dtype=dtype)(pixels)
    maker = getattr(keras.applications, BACKBONES[name].maker)
    with _policy(dtype):
        network = maker(include_top=False, weights=None, input_tensor=scaled)
    features = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(network.output)
    if weights:
        _load(network, weights)
    return keras.Model(pixels, features, name=name)


def _load(network: Any, weights: Path) -> None:
    try:
        network.load_weights(weights)
    except (ValueError, KeyError, OSError) as error:
        raise BackboneCorrupt(f"{weights} does not hold the weights of {network.name}: fetch it again") from error


@contextlib.contextmanager
def _policy(dtype: str) -> Iterator[None]:
    """`keras.applications` takes the policy of the process, and no other."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
