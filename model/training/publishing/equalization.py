"""Cross-layer equalization, and rounding of kernels to int8 (Nagel et al. 2019, arXiv:1906.04721).

An int8 kernel has one scale per output channel. Where its input channels differ much in size, the large ones use up the
levels that the small ones need, so all are scaled to one size first. That does not change what the network computes, as
ReLU(a·x) = a·ReLU(x) for positive a.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from model.training import graph
from model.training.publishing.quantization import spread

Images = npt.NDArray[np.uint8]
Kernel = npt.NDArray[np.float32]

LEVELS = 127
SMALL = 1_024  # TensorFlow's converter keeps kernels of fewer weights as floats in a .tflite with "int8"
CALIBRATION_IMAGES = 1_000  # images to measure the channels on
_TINY = 1e-6


def equalize(model: Any, images: Images) -> None:
    """Scale the channels between a batch normalisation, a ReLU and the one convolution that reads it to one size.

    The outputs of the keras.Model stay the same. `images`, uint8[N, H, W, C], are what the channels are measured on.
    """
    import keras

    pairs = _pairs(model)
    if not pairs:
        return
    inner = keras.Model(model.input, [convolution.input for _, convolution in pairs])
    outputs = keras.tree.flatten(inner(spread(images, CALIBRATION_IMAGES).astype(np.float32)))
    maxima = [np.asarray(output).max((0, 1, 2)) for output in outputs]
    for (normalisation, convolution), largest in zip(pairs, maxima, strict=True):
        factors = _factors(np.asarray(convolution.kernel), largest)
        for variable in (normalisation.gamma, normalisation.beta):
            variable.assign(np.asarray(variable) * factors)
        convolution.kernel.assign(np.asarray(convolution.kernel) / factors[:, None])


def round_to_int8(model: Any) -> None:
    """Round each kernel to the 255 levels that int8 has per output channel; small ones stay floats."""
    for variable in model.weights:
        if len(variable.shape) > 1 and np.prod(variable.shape) >= SMALL:
            variable.assign(rounded(np.asarray(variable)))


def rounded(kernel: Kernel) -> Kernel:
    """Round float[..., channels] to multiples of 1/127 of each channel's largest weight."""
    step = np.abs(kernel).max(tuple(range(kernel.ndim - 1))) / LEVELS
    levels = np.rint(kernel / np.where(step > 0, step, 1))
    return np.asarray(levels * step, np.float32)


def _pairs(model: Any) -> list[tuple[Any, Any]]:
    """Return each batch normalisation with its convolution where nothing but one ReLU lies between or reads them."""
    from keras import layers

    read_by = graph.readers(model)
    pairs = []
    for normalisation in (layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)):
        between = read_by.get(id(normalisation.output), [])
        if len(between) != 1 or not _is_plain_relu(between[0]):
            continue
        after = read_by.get(id(between[0].output), [])
        if len(after) == 1 and type(after[0]) is layers.Conv2D:
            pairs.append((normalisation, after[0]))
    return pairs


def _is_plain_relu(layer: Any) -> bool:
    from keras import layers

    return isinstance(layer, layers.ReLU) and layer.max_value is None and not layer.negative_slope


def _factors(kernel: Kernel, largest: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a factor for each input channel of a kernel float[h, w, C, D], from its largest value; 1 for dead ones.

    It is the geometric mean of the factor that would equalize the weights and the one that would equalize the values.
    """
    of_output = np.maximum(np.abs(kernel).max((0, 1, 2)), _TINY)
    weights = (np.abs(kernel).max((0, 1)) / of_output).mean(1)
    alive = (weights > _TINY) & (largest > _TINY)
    factors = np.where(alive, np.sqrt(weights / np.maximum(largest, _TINY)), 1)
    return factors.astype(np.float32)
