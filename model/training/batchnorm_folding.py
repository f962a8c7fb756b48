"""Batch-norm folding: fixed batch normalisation is merged into the convolution before it while a network is trained.

With fixed statistics it multiplies and shifts each channel, which a convolution can do by itself: the same function
and the same gradients, without two passes over every map. And depthwise convolutions are computed in float32:
TensorFlow's gradients of them are four times as slow in bfloat16 on a processor, with strides ten times. Together
they make a step of EfficientNet-Lite0 2.5 times as fast (docs/research/experiments.md).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from model.training import graph


class Folded:
    """A functional keras.Model with folded batch normalisation, for a tf.function; what cannot be folded stays.

    It reads the variables of the given model at each call, so that gradients go to them.
    """

    def __init__(self, model: Any) -> None:
        import keras

        self._model, self._normalisations = model, dict(_pairs(model))
        self._folded_away = {normalisation.name for normalisation in self._normalisations.values()}
        self._copy = keras.models.clone_model(model, clone_function=self._clone, call_function=self._call)

    def __call__(self, images: Any) -> Any:
        """Return logits float32[N, K] for images float32[N, H, W, C]."""
        values = self._values()
        trained, others = (
            [values[id(variable)] for variable in variables]
            for variables in (self._copy.trainable_variables, self._copy.non_trainable_variables)
        )
        logits, _ = self._copy.stateless_call(trained, others, images, training=False)
        return logits

    def _call(self, copy: Any, *inputs: Any, **named: Any) -> Any:
        return inputs[0] if copy.name in self._folded_away else copy(*inputs, **named)

    def _clone(self, layer: Any) -> Any:
        import keras

        config = layer.get_config()
        if layer.name in self._normalisations:
            config["use_bias"] = True
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            config["dtype"] = "float32"
        return layer.from_config(config)

    def _values(self) -> Mapping[int, Any]:
        """Compute the value of each variable of the copy, by the variable's identity."""
        values: dict[int, Any] = {}
        for copy in (layer for layer in self._copy.layers if layer.variables):
            layer = self._model.get_layer(copy.name)
            if layer.name in self._normalisations:
                kernel, bias = _fold(layer, self._normalisations[layer.name])
                values |= {id(copy.kernel): kernel, id(copy.bias): bias}
            else:
                pairs = zip(copy.variables, layer.variables, strict=True)
                values |= {id(variable): original.value for variable, original in pairs}
        return values


def _pairs(model: Any) -> Iterator[tuple[str, Any]]:
    """Find each convolution that only a batch normalisation reads: its name, and that."""
    import keras

    convolutions = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    readers = graph.readers(model)
    for layer in model.layers:
        after = readers.get(id(layer.output), [])
        if isinstance(layer, convolutions) and layer.activation is keras.activations.linear and len(after) == 1:
            [reader] = after
            if isinstance(reader, keras.layers.BatchNormalization) and reader.scale and reader.center:
                yield layer.name, reader


def _fold(convolution: Any, normalisation: Any) -> tuple[Any, Any]:
    """Compute kernel and bias of both in one."""
    import keras
    from keras import ops

    scale = normalisation.gamma * ops.rsqrt(normalisation.moving_variance + normalisation.epsilon)
    before = convolution.bias if convolution.use_bias else 0.0
    bias = normalisation.beta + (before - normalisation.moving_mean) * scale
    by_channel = isinstance(convolution, keras.layers.DepthwiseConv2D)
    return convolution.kernel * (ops.reshape(scale, convolution.kernel.shape[-2:]) if by_channel else scale), bias
