"""What a backbone makes of photographs: numbers in which pictures of one kind lie close, before anything is learned."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.training.backbones import backbone

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
BATCH = 32  # more takes memory, and no less time


def of_images(images: Pixels, weights: Path | None, size: int, name: str = backbone.DEFAULT) -> Floats:
    """uint8[N, size, size, 3] -> float32[N, D], of a backbone with the file that `backbone.find` names; D is 1280
    for EfficientNet-Lite0.

    Where `weights` is None, of a network that never learned anything. Needs TensorFlow as Keras's backend, and takes a
    core about 20 ms an image of 160 pixels. Raises BackboneMissing, BackboneCorrupt, or ValueError for images of
    another shape.
    """
    if images.shape[1:] != (size, size, 3):
        raise ValueError(f"images of {images.shape[1:]} cannot go into a network for {(size, size, 3)}")
    model = backbone.build(weights, size=size, name=name)
    network = _compiled(model, size)
    parts = [np.asarray(network(images[at : at + BATCH])) for at in range(0, len(images), BATCH)]
    return np.concatenate([np.zeros((0, *model.output_shape[1:]), np.float32), *parts])


def _compiled(network: Any, size: int) -> Any:
    """One graph for batches of any length."""
    import tensorflow as tf

    def answer(pixels: Any) -> Any:
        return network(tf.cast(pixels, tf.float32), training=False)

    return tf.function(answer, input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8)], autograph=False)
