"""Muon for convolutions: momentum whose update is made orthogonal (Jordan 2024, kellerjordan.github.io/posts/muon).

Each kernel is seen as a matrix of its output channels; the update is the nearest matrix with equal singular values, so
that no direction of the gradient is left behind. All other weights are trained by Nesterov momentum. Kernels keep
a norm of √channels, as batch normalisation takes their scale away anyhow; so they need no weight decay.
"""

import math
from collections.abc import Sequence
from typing import Any

KERNEL_MOMENTUM = 0.6
OTHER_MOMENTUM = 0.85
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration that pushes all singular values towards 1."""
ITERATIONS = 3


class Muon:
    """An optimizer for a keras.Model's variables; `learning_rate` is to be assigned each step."""

    def __init__(self, trained: Sequence[Any], *, weight_decay: float) -> None:
        import keras

        self.learning_rate = keras.Variable(0.0, trainable=False, dtype="float32")
        self._decay = weight_decay
        self._momenta = [keras.Variable(keras.ops.zeros(each.shape), trainable=False) for each in trained]

    @property
    def variables(self) -> list[Any]:
        """All that a checkpoint must hold."""
        return [self.learning_rate, *self._momenta]

    def apply(self, gradients: Sequence[Any], trained: Sequence[Any]) -> None:
        """One step: gradients and the variables they are of, in the order given at the beginning."""
        for gradient, weights, momentum in zip(gradients, trained, self._momenta, strict=True):
            if is_kernel(weights):
                self._turn(gradient, weights, momentum)
            else:
                self._step(gradient, weights, momentum)

    def _turn(self, gradient: Any, weights: Any, momentum: Any) -> None:
        from keras import ops

        momentum.assign(KERNEL_MOMENTUM * momentum + gradient)
        update = orthogonal(gradient + KERNEL_MOMENTUM * momentum)
        scale = math.sqrt(weights.shape[-1]) / ops.norm(ops.reshape(weights, [-1]))
        weights.assign(weights * scale - self.learning_rate * update)

    def _step(self, gradient: Any, weights: Any, momentum: Any) -> None:
        if len(weights.shape) > 1:
            gradient = gradient + self._decay * weights
        momentum.assign(OTHER_MOMENTUM * momentum + gradient)
        weights.assign(weights - self.learning_rate * (gradient + OTHER_MOMENTUM * momentum))


def is_kernel(weights: Any) -> bool:
    """True for convolutions of more than one input channel: a single one leaves too few directions to balance."""
    return len(weights.shape) == 4 and weights.shape[2] > 1


def orthogonal(kernel: Any) -> Any:
    """float32[h, w, in, out] -> the same shape, as a matrix [out, h·w·in] all but orthogonal."""
    from keras import ops

    matrix = ops.reshape(kernel, [-1, kernel.shape[-1]])
    tall = matrix.shape[0] > matrix.shape[1]
    wide = ops.transpose(matrix) if tall else matrix
    wide = wide / (ops.norm(wide) + 1e-7)
    first, third, fifth = NEWTON_SCHULZ
    for _ in range(ITERATIONS):
        square = wide @ ops.transpose(wide)
        wide = first * wide + (third * square + fifth * square @ square) @ wide
    return ops.reshape(ops.transpose(wide) if tall else wide, kernel.shape)
