"""Int8 quantisation of a float32 .tflite: of the weights in the file alone, or of all that is multiplied.

Static quantisation multiplies int8 by int8, up to four times as fast as floats. The int8 range of each tensor is fixed
beforehand from its values on some images: the one with the least mean squared error, which clips a few extreme values
so that the others get finer steps (Nagel et al. 2021, arXiv:2106.08295, section 3.1).
"""

import contextlib
import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model.runtimes import without_startup_lines

Images = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]
Range = tuple[float, float]

CALIBRATION_IMAGES = 96  # images that the ranges are measured on
VALUES = 1_000  # values of each tensor that are sampled from an image
SHARES = np.linspace(0.3, 1, 15)  # of the largest and the smallest value: where a range may end
LEVELS = 255
OUTPUTS = r"logits|concatenate|average|StatefulPartitionedCall"
"""Tensors that stay floats: logits and features side by side would share one range, too coarse for the logits."""


def with_int8_weights(network: bytes, layers: Sequence[str]) -> bytes:
    """Store the kernels of `layers` as int8, one scale per output channel; the runtime turns them back into floats."""
    from ai_edge_quantizer import qtyping, quantizer

    made = quantizer.Quantizer(bytearray(network))
    how = qtyping.OpQuantizationConfig(
        weight_tensor_config=_by_channel(), compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
    )
    named = "|".join(map(re.escape, layers))
    made.update_quantization_recipe(regex=named, operation_name=qtyping.TFLOperationName.CONV_2D, op_config=how)
    return _quantized(made, None)


def static(network: bytes, images: Images, floats: Sequence[str] = ()) -> bytes:
    """Quantise all layers but the last, and the activations between them, to int8.

    The ranges are measured on `images`, uint8[N, H, W, C]. Layers named in `floats` stay as they are.
    """
    from ai_edge_quantizer import qtyping, quantizer

    made = quantizer.Quantizer(bytearray(network))
    activations = qtyping.TensorQuantizationConfig(
        num_bits=8, symmetric=False, granularity=qtyping.QuantGranularity.TENSORWISE
    )
    how = qtyping.OpQuantizationConfig(
        activation_tensor_config=activations,
        weight_tensor_config=_by_channel(),
        compute_precision=qtyping.ComputePrecision.INTEGER,
    )
    operations, excluded = qtyping.TFLOperationName, "|".join([OUTPUTS, *(f"/{re.escape(name)}" for name in floats)])
    made.update_quantization_recipe(regex=".*", operation_name=operations.ALL_SUPPORTED, op_config=how)
    for regex, operation in (
        (f".*({excluded}).*", operations.ALL_SUPPORTED),
        (".*", operations.INPUT),
        (".*", operations.OUTPUT),
    ):
        made.update_quantization_recipe(regex=regex, operation_name=operation, algorithm_key="no_quantize")
    ranges = {name: _range(values) for name, values in _activations(network, images).items()}
    limits = {name: {"min": np.array(low), "max": np.array(high)} for name, (low, high) in ranges.items()}
    return _quantized(made, limits)


def _by_channel() -> Any:
    from ai_edge_quantizer import qtyping

    return qtyping.TensorQuantizationConfig(
        num_bits=8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE
    )


def _quantized(made: Any, ranges: Any) -> bytes:
    quiet = io.StringIO()  # it draws progress bars and prints a page
    with (
        without_startup_lines(),
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors", category=UserWarning)
        return bytes(made.quantize(ranges).quantized_model)


def _activations(network: bytes, images: Images) -> dict[str, Values]:
    """Sample values of each tensor over some images, the smallest and largest of each image included."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    runtime = Interpreter(
        model_content=network,
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,  # else tensors are unreadable
    )
    runtime.allocate_tensors()
    source = runtime.get_input_details()[0]["index"]
    tensors = {tensor["name"]: tensor["index"] for tensor in runtime.get_tensor_details() if _is_activation(tensor)}
    random = np.random.default_rng(0)
    samples: dict[str, list[Any]] = {name: [] for name in tensors}
    for image in spread(images, CALIBRATION_IMAGES):
        runtime.set_tensor(source, image[None].astype(np.float32))
        runtime.invoke()
        for name, index in tensors.items():
            values = runtime.get_tensor(index).ravel()
            drawn = random.choice(values, min(VALUES, values.size), replace=False)
            samples[name] += [drawn, [values.min(), values.max()]]
    return {name: np.concatenate(parts) for name, parts in samples.items()}


def _is_activation(tensor: Mapping[str, Any]) -> bool:
    """Tell activations from the network's constants, which have no batch dimension."""
    return tensor["dtype"] is np.float32 and bool((tensor["shape_signature"][:1] == -1).any())


def spread(images: Images, count: int) -> Images:
    """Choose `count` images, or all, evenly spread over `images`."""
    chosen: Images = images[np.linspace(0, len(images) - 1, min(count, len(images))).astype(int)]
    return chosen


def _range(values: Values) -> Range:
    """Return the range, 0 included, whose levels lie nearest to the values."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    lows = SHARES * low if low < 0 else [0.0]
    highs = SHARES * high if high > 0 else [0.0]
    ranges = [(start, end) for start in lows for end in highs if end > start]
    return min(ranges, key=lambda ends: _error(values, ends), default=(low, high))


def _error(values: Values, ends: Range) -> float:
    low, high = ends
    step = (high - low) / LEVELS
    quantised = np.clip(np.rint((values - low) / step), 0, LEVELS) * step + low
    return float(np.square(quantised - values).mean())
