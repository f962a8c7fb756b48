"""A network's kernels, made ready to be rounded to int8, and rounded, so that both runtimes have the same ones.

One scale for each output channel is all that int8 has. Where a kernel meets input channels of very different size, the
large ones take the levels that the small ones would need: they are brought to one size first, which changes nothing,
as a ReLU lets a positive factor through (cross-layer equalization: Nagel et al. 2019, arXiv:1906.04721).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from model.training import graph
from model.training.publishing.quantization import spread

Images = npt.NDArray[np.uint8]
Kernel = npt.NDArray[np.float32]

LEVELS = 127
SMALL = 1_024
"""Kernels of fewer weights stay floats in a .tflite with "int8": TensorFlow's converter leaves them alone."""
LOOKED_AT = 1_000
"""Images, spread over those that are there."""
_TINY = 1e-6


def equalize(model: Any, images: Images) -> None:
    """Bring the channels between a normalisation and the one convolution that reads them through a ReLU to one size.

    `images`, uint8[N, H, W, C], tell how large each becomes. What the keras.Model answers stays as it was.
    """
    import keras

    pairs = _pairs(model)
    if not pairs:
        return
    seen = spread(images, LOOKED_AT).astype(np.float32)
    greatest = _greatest(keras.Model(model.input, [convolution.input for _, convolution in pairs]), seen)
    for (normalisation, convolution), largest in zip(pairs, greatest, strict=True):
        factors = _factors(np.asarray(convolution.kernel), largest)
        for variable in (normalisation.gamma, normalisation.beta):
            variable.assign(np.asarray(variable) * factors)
        convolution.kernel.assign(np.asarray(convolution.kernel) / factors[:, None])


def round_to_int8(model: Any) -> None:
    """Round each kernel to the 255 levels that int8 has for an output channel; small ones stay as they are."""
    for variable in model.weights:
        if len(variable.shape) > 1 and np.prod(variable.shape) >= SMALL:
            variable.assign(rounded(np.asarray(variable)))


def rounded(kernel: Kernel) -> Kernel:
    """float[..., channels] -> the nearest multiples of a 127th of each channel's greatest weight."""
    step = np.abs(kernel).max(tuple(range(kernel.ndim - 1))) / LEVELS
    levels = np.rint(kernel / np.where(step > 0, step, 1))
    told: Kernel = (levels * step).astype(np.float32)
    return told


def _pairs(model: Any) -> list[tuple[Any, Any]]:
    """Each normalisation with the convolution after it, where one ReLU alone lies between and nothing else reads it."""
    from keras import layers

    read_by = graph.readers(model)
    found = []
    for normalisation in (each for each in model.layers if isinstance(each, layers.BatchNormalization)):
        between = read_by.get(id(normalisation.output), [])
        if len(between) != 1 or not _lets_factors_through(between[0]):
            continue
        after = read_by.get(id(between[0].output), [])
        if len(after) == 1 and type(after[0]) is layers.Conv2D:
            found.append((normalisation, after[0]))
    return found


def _lets_factors_through(layer: Any) -> bool:
    from keras import layers

    return isinstance(layer, layers.ReLU) and layer.max_value is None and not layer.negative_slope


def _greatest(told: Any, images: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Of each output of a keras.Model, float[N, H, W, C], the greatest value in each channel, float[C]."""
    values = told(images)
    values = values if isinstance(values, list | tuple) else [values]
    return [np.asarray(each).max((0, 1, 2)) for each in values]


def _factors(kernel: Kernel, largest: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float[h, w, C, D] and the greatest value in each input channel, float[C] -> a factor for each, 1 for dead ones.

    Between what would make the weights of all channels alike in size and what would make their values so.
    """
    of_output = np.maximum(np.abs(kernel).max((0, 1, 2)), _TINY)
    weights = (np.abs(kernel).max((0, 1)) / of_output).mean(1)
    alive = (weights > _TINY) & (largest > _TINY)
    factors = np.where(alive, np.sqrt(weights / np.maximum(largest, _TINY)), 1)
    return factors.astype(np.float32)
