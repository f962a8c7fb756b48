"""EfficientNet-Lite0, -Lite1 and -Lite2, networks that quantise well.

They are EfficientNet-B0 to -B2 (Tan and Le 2019, arXiv:1905.11946) without squeeze-and-excite and with ReLU6 instead of
swish, as in tensorflow/tpu, models/official/efficientnet/lite. They scale pixels themselves: (value − 127) / 128.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FEATURES = 1280
STEM = 32

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
"""Of Lite0. The others have more channels, and more blocks in all stages but the first and the last."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The factors by which it has more channels and blocks than Lite0."""

    width: float
    depth: float

    def stages(self) -> Iterator[tuple[int, int, int, int, int]]:
        """Yield its STAGES; channels are rounded to eights."""
        for place, (count, kernel, stride, widened, channels) in enumerate(STAGES):
            inside = 0 < place < len(STAGES) - 1
            repeated = math.ceil(count * self.depth) if inside else count
            yield repeated, kernel, stride, widened, int(channels * self.width + 4) // 8 * 8


VARIANTS = {
    "efficientnet-lite0": Variant(1.0, 1.0),
    "efficientnet-lite1": Variant(1.0, 1.1),
    "efficientnet-lite2": Variant(1.1, 1.2),
}


def features(name: str, size: int, dtype: str) -> tuple[Any, Any]:
    """Build Keras tensors: uint8-valued pixels float[N, size, size, 3], and their features float32[N, 1280]."""
    from keras import Input, layers

    pixels = Input((size, size, 3), name="pixels", dtype="float32")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, dtype=dtype)(pixels)
    x = _activated(_normalised(_convolution(x, STEM, "conv_stem", dtype, kernel=3, stride=2), "bn0", dtype), dtype)
    number, before = 0, STEM
    for count, kernel, stride, widened, channels in VARIANTS[name].stages():
        for place in range(count):
            x = _block(x, f"blocks_{number}", dtype, kernel, 1 if place else stride, before * widened, channels)
            number, before = number + 1, channels
    x = _activated(_normalised(_convolution(x, FEATURES, "conv_head", dtype), "bn1", dtype), dtype)
    return pixels, layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)


def _block(x: Any, name: str, dtype: str, kernel: int, stride: int, inner: int, channels: int) -> Any:
    """Build an inverted residual: expand, a depthwise convolution, project; add the input where shapes match."""
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
