"""The mean of a network's weights over its last epochs: it lies in the middle of where training wanders about.

Stochastic weight averaging (Izmailov et al. 2018, arXiv:1803.05407). What batch normalisation has noted belongs to none
of the networks averaged, so it is noted anew.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model.training.batches import Chunk


class Average:
    """Sums of weights, each a float32 array of its variable's shape, over `count` epochs."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: list[npt.NDArray[np.float32]] = []

    def add(self, weights: Sequence[npt.NDArray[np.float32]]) -> None:
        """A network's, as keras.Model.get_weights gives them."""
        self.sums = [one + other for one, other in zip(self.sums, weights, strict=True)] if self.count else [*weights]
        self.count += 1

    def mean(self) -> list[npt.NDArray[np.float32]]:
        """For keras.Model.set_weights, after at least one `add`."""
        return [(each / self.count).astype(np.float32) for each in self.sums]


def note_anew(model: Any, chunks: Iterable[Chunk]) -> None:
    """Give a float32 keras.Model the mean statistics of `chunks`, in its layers of batch normalisation."""
    import keras

    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    usual = [layer.momentum for layer in layers]
    for number, chunk in enumerate(chunks):
        for layer in layers:
            layer.momentum = number / (number + 1)  # so that every batch counts alike
        model(chunk.images[0].astype(np.float32), training=True)
    for layer, momentum in zip(layers, usual, strict=True):
        layer.momentum = momentum
