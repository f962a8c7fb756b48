"""Batch normalisation that keeps its statistics, folded into the convolution before it while a network is trained.

With fixed statistics it multiplies and shifts each channel, which a convolution can do by itself: the same function
and the same gradients, without two passes over every map. And depthwise convolutions are computed in float32:
TensorFlow's gradients of them are four times as slow in bfloat16 on a processor, with strides ten times. Together
they make a step of EfficientNet-Lite0 2.5 times as quick (docs/research/experiments.md).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from model.training import graph


class Folded:
    """What a functional keras.Model answers, batch normalisation keeping its statistics; for a tf.function.

    It reads the variables of that model at each call, so that gradients go to them. What cannot be folded stays.
    """

    def __init__(self, model: Any) -> None:
        import keras

        self._model, self._normalised = model, dict(_pairs(model))
        self._needless = {each.name for each in self._normalised.values()}
        self._twin = keras.models.clone_model(model, clone_function=self._copy, call_function=self._called)

    def __call__(self, images: Any) -> Any:
        """float32[N, H, W, C] -> logits float32[N, K]."""
        values = self._values()
        trained, others = (
            [values[id(variable)] for variable in variables]
            for variables in (self._twin.trainable_variables, self._twin.non_trainable_variables)
        )
        said, _ = self._twin.stateless_call(trained, others, images, training=False)
        return said

    def _called(self, copy: Any, *given: Any, **named: Any) -> Any:
        return given[0] if copy.name in self._needless else copy(*given, **named)

    def _copy(self, layer: Any) -> Any:
        import keras

        config = layer.get_config()
        if layer.name in self._normalised:
            config["use_bias"] = True
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            config["dtype"] = "float32"
        return layer.from_config(config)

    def _values(self) -> Mapping[int, Any]:
        """What each variable of the twin is, by its identity."""
        values: dict[int, Any] = {}
        for copy in (each for each in self._twin.layers if each.variables):
            layer = self._model.get_layer(copy.name)
            if layer.name in self._normalised:
                kernel, bias = _folded(layer, self._normalised[layer.name])
                values |= {id(copy.kernel): kernel, id(copy.bias): bias}
            else:
                values |= {id(mine): its.value for mine, its in zip(copy.variables, layer.variables, strict=True)}
        return values


def _pairs(model: Any) -> Iterator[tuple[str, Any]]:
    """The name of each convolution whose only use is a batch normalisation, and that."""
    import keras

    convolutions = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    used = graph.readers(model)
    for layer in model.layers:
        users = used.get(id(layer.output), [])
        if isinstance(layer, convolutions) and layer.activation is keras.activations.linear and len(users) == 1:
            [after] = users
            if isinstance(after, keras.layers.BatchNormalization) and after.scale and after.center:
                yield layer.name, after


def _folded(convolution: Any, normalisation: Any) -> tuple[Any, Any]:
    """Kernel and bias of both in one."""
    import keras
    from keras import ops

    scale = normalisation.gamma * ops.rsqrt(normalisation.moving_variance + normalisation.epsilon)
    before = convolution.bias if convolution.use_bias else 0.0
    bias = normalisation.beta + (before - normalisation.moving_mean) * scale
    by_channel = isinstance(convolution, keras.layers.DepthwiseConv2D)
    return convolution.kernel * (ops.reshape(scale, convolution.kernel.shape[-2:]) if by_channel else scale), bias
