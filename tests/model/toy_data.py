"""Images that a network learns within seconds, and a network that learns them in less."""

from typing import Any

import numpy as np

from model.data.dataset import Dataset, Split


def bars_of(train: int, validation: int, test: int) -> Dataset:
    """Ten kinds of bars that are easily told apart: so many images to train, to validate and to test."""
    return Dataset(_bars(train, 1), _bars(validation, 2), _bars(test, 3), digest="bars")


def _bars(count: int, seed: int) -> Split:
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 10
    images = random.integers(0, 40, (count, 28, 28, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        start = 3 + 5 * (int(label) % 5)
        image[(slice(start, start + 3),) if label < 5 else (slice(None), slice(start, start + 3))] = 230
    return Split(images, labels)


def tiny(x: Any, dtype: str) -> Any:
    """Build a network with each kind of layer that those of Fashion-MNIST have, and few of each."""
    from keras import layers

    x = _convolution(x, 16, 4, 4, dtype)
    x = layers.MaxPooling2D(dtype=dtype)(_convolution(x, 32, 5, 1, dtype))
    x = layers.Add(dtype=dtype)([x, _convolution(x, 32, 5, 1, dtype)])
    return layers.GlobalMaxPooling2D(dtype=dtype)(x)


def _convolution(x: Any, channels: int, kernel: int, stride: int, dtype: str) -> Any:
    from keras import layers

    x = layers.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False, dtype=dtype)(x)
    return layers.ReLU(dtype=dtype)(layers.BatchNormalization(momentum=0.9, dtype=dtype)(x))
