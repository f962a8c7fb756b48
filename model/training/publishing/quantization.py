"""A float32 .tflite with int8 in it: in the file alone, or in all that is multiplied.

"Static" quantisation multiplies int8 by int8, which processors do up to four times as fast as floats; each tensor's
range is fixed beforehand, from what the network makes of some images. A range that clips a few outliers and tells the
rest apart more finely loses least (Nagel et al. 2021, arXiv:2106.08295, section 3.1: the least mean squared error).
"""

import contextlib
import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]
Range = tuple[float, float]

LOOKED_AT = 96
"""Images, spread evenly over those that are there."""
KEPT = 1_000
"""Values of each tensor that are kept of an image, drawn by chance."""
SHARES = np.linspace(0.3, 1, 15)
"""Of the greatest value and of the least: where a range may end."""
LEVELS = 255
ANSWERS = r"logits|concatenate|average|StatefulPartitionedCall"
"""Tensors that stay floats: answers and features side by side would share one range, too coarse for the answers."""


def with_int8_weights(network: bytes, layers: Sequence[str]) -> bytes:
    """Kernels of those layers as int8, a scale for each output channel; the runtime makes floats of them again."""
    from ai_edge_quantizer import qtyping, quantizer

    made = quantizer.Quantizer(bytearray(network))
    how = qtyping.OpQuantizationConfig(
        weight_tensor_config=_by_channel(), compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
    )
    named = "|".join(map(re.escape, layers))
    made.update_quantization_recipe(regex=named, operation_name=qtyping.TFLOperationName.CONV_2D, op_config=how)
    return _quantized(made, None)


def static(network: bytes, images: Images, floats: Sequence[str] = ()) -> bytes:
    """All layers but the last as int8, and what goes between them.

    `images`, uint8[N, H, W, C], are such as it will see. The layers called `floats` stay as they are.
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
    operations, kept = qtyping.TFLOperationName, "|".join([ANSWERS, *(f"/{re.escape(each)}" for each in floats)])
    made.update_quantization_recipe(regex=".*", operation_name=operations.ALL_SUPPORTED, op_config=how)
    for regex, operation in (
        (f".*({kept}).*", operations.ALL_SUPPORTED),
        (".*", operations.INPUT),
        (".*", operations.OUTPUT),
    ):
        made.update_quantization_recipe(regex=regex, operation_name=operation, algorithm_key="no_quantize")
    ranges = {name: _range(values) for name, values in _seen(network, images).items()}
    known = {name: {"min": np.array(low), "max": np.array(high)} for name, (low, high) in ranges.items()}
    return _quantized(made, known)


def _by_channel() -> Any:
    from ai_edge_quantizer import qtyping

    return qtyping.TensorQuantizationConfig(
        num_bits=8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE
    )


def _quantized(made: Any, ranges: Any) -> bytes:
    quiet = io.StringIO()  # it draws bars and prints a page
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors", category=UserWarning)
        return bytes(made.quantize(ranges).quantized_model)


def _seen(network: bytes, images: Images) -> dict[str, Values]:
    """Some values of each tensor while the network looks at images, and the least and greatest of all."""
    runtime = _telling_all(network)
    runtime.allocate_tensors()
    source = runtime.get_input_details()[0]["index"]
    tensors = {each["name"]: each["index"] for each in runtime.get_tensor_details() if _is_of_an_image(each)}
    random = np.random.default_rng(0)
    found: dict[str, list[Any]] = {name: [] for name in tensors}
    for image in spread(images, LOOKED_AT):
        runtime.set_tensor(source, image[None].astype(np.float32))
        runtime.invoke()
        for name, index in tensors.items():
            values = runtime.get_tensor(index).ravel()
            found[name] += [random.choice(values, min(KEPT, values.size), replace=False), [values.min(), values.max()]]
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _telling_all(network: bytes) -> Any:
    """An interpreter that keeps what goes between layers, as it has no delegates, who would keep it to themselves."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_content=network,
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )


def _is_of_an_image(tensor: Mapping[str, Any]) -> bool:
    """Not one of the network's constants: those have no batches."""
    return tensor["dtype"] is np.float32 and bool((tensor["shape_signature"][:1] == -1).any())


def spread(images: Images, count: int) -> Images:
    """So many of them, or all, evenly over those that there are."""
    chosen: Images = images[np.linspace(0, len(images) - 1, min(count, len(images))).astype(int)]
    return chosen


def _range(values: Values) -> Range:
    """The range, nothing included, whose levels lie nearest to the values."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    lows = SHARES * low if low < 0 else [0.0]
    highs = SHARES * high if high > 0 else [0.0]
    ranges = [(one, other) for one in lows for other in highs if other > one]
    return min(ranges, key=lambda each: _error(values, each), default=(low, high))


def _error(values: Values, ends: Range) -> float:
    low, high = ends
    step = (high - low) / LEVELS
    told = np.clip(np.rint((values - low) / step), 0, LEVELS) * step + low
    return float(np.square(told - values).mean())
