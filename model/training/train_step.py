"""Steps of training on the backend that Keras runs on: TensorFlow, or JAX, which also knows GPUs.

Both take the same images in the same order. On TensorFlow a step is a call; on JAX an epoch is one call, as calls from
Python would take longer than a GPU does for a step.
"""

import functools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from model.runtimes import LiteRT, portions
from model.training.batches import Chunk
from model.training.batchnorm_folding import Folded
from model.training.losses import Targets, losses as losses_of
from model.training.publishing.export import write_tflite
from model.training.recipe import Recipe

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class Steps(Protocol):
    """Compiled training steps; `whole_epochs` says whether a call should get a whole epoch rather than a batch."""

    whole_epochs: bool

    def run(self, chunk: Chunk, rates: Floats) -> Floats:
        """Take S steps, each on a batch of `chunk` at its rate, float32[S]; return the loss of each, float32[S]."""

    def store(self) -> None:
        """Write what the steps changed to the variables of the network and the optimizer."""

    def load(self) -> None:
        """Take over variables that were changed from outside."""


def compiled(model: Any, optimizer: Any, teachers: Sequence[Any], recipe: Recipe) -> Steps:
    """Compile the steps of a keras.Model and its optimizer on the backend that Keras was started with.

    `teachers` are keras.Models too; the recipe says how to learn from their logits.
    """
    import keras

    kind = OnJax if keras.backend.backend() == "jax" else OnTensorFlow
    return kind(model, optimizer, teachers, recipe)


class OnTensorFlow:
    """Steps of which each is a call. Teachers run on LiteRT in int8, twice as quick as TensorFlow on a processor."""

    whole_epochs = False

    def __init__(self, model: Any, optimizer: Any, teachers: Sequence[Any], recipe: Recipe) -> None:
        self._model, self._optimizer, self._recipe = model, optimizer, recipe
        self._teachers = [_LiteRTTeacher(teacher) for teacher in teachers]
        self._step = self._compiled()

    def run(self, chunk: Chunk, rates: Floats) -> Floats:
        losses = []
        for rate, *batch in zip(rates, *_parts(chunk), strict=True):
            self._optimizer.learning_rate.assign(rate)
            teacher_logits = [teacher.logits(batch[0]) for teacher in self._teachers]
            losses.append(np.float32(self._step(teacher_logits, *batch)))
        return np.array(losses)

    def store(self) -> None:
        """Do nothing: steps write to the variables."""

    def load(self) -> None:
        """Do nothing: steps read the variables."""

    def _compiled(self) -> Any:
        import tensorflow as tf

        model = self._model
        forward = Folded(model) if self._recipe.fixed_statistics else functools.partial(model, training=True)

        def step(teacher_logits: Any, images: Any, weights: Any, *targets: Any) -> Any:
            images = tf.cast(images, tf.float32)
            with tf.GradientTape() as tape:
                losses = losses_of(Targets(*targets), forward(images), teacher_logits, self._recipe)
                loss = tf.reduce_mean(weights * losses)
            self._optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
            return loss

        return tf.function(step, autograph=False)


class _LiteRTTeacher:
    """A keras.Model whose logits LiteRT computes."""

    def __init__(self, model: Any) -> None:
        self._categories = model.output_shape[-1]
        with tempfile.TemporaryDirectory() as folder:
            write_tflite(model, Path(folder), "int8")
            self._runtime = LiteRT(Path(folder) / "model.tflite", threads=os.cpu_count() or 1)

    def logits(self, images: Pixels) -> Floats:
        """uint8[N, H, W, C] -> float32[N, K]."""
        return self._runtime.run(images)[:, : self._categories]


class OnJax:
    """Steps of which a whole epoch is a call: the state goes round in a loop that XLA compiles."""

    whole_epochs = True
    _state: Any

    def __init__(self, model: Any, optimizer: Any, teachers: Sequence[Any], recipe: Recipe) -> None:
        import jax

        self._model, self._optimizer, self._teachers, self._recipe = model, optimizer, teachers, recipe
        self._teacher_values = [[variable.value for variable in teacher.variables] for teacher in teachers]
        self._epoch = jax.jit(self._scanned, donate_argnums=0)
        self.load()

    def run(self, chunk: Chunk, rates: Floats) -> Floats:
        self._state, losses = self._epoch(self._state, (rates, *_parts(chunk)), self._teacher_values)
        return np.asarray(losses)

    def store(self) -> None:
        for variables, values in zip(self._variables(), self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value.copy())  # as the next call gives the loop's own memory away

    def load(self) -> None:
        self._state = [[variable.value.copy() for variable in variables] for variables in self._variables()]

    def _variables(self) -> list[list[Any]]:
        model = self._model
        return [model.trainable_variables, model.non_trainable_variables, self._optimizer.variables]

    def _scanned(self, state: Any, batches: Any, teacher_values: Any) -> Any:
        import jax

        return jax.lax.scan(lambda state, batch: self._step(state, batch, teacher_values), state, batches)

    def _step(self, state: Any, batch: Any, teacher_values: Any) -> Any:
        import jax
        import keras

        trained, others, slots = state
        rate, images, *labelled = batch
        images = images.astype(np.float32)
        teacher_logits = [
            _logits_with(teacher, values, images)
            for teacher, values in zip(self._teachers, teacher_values, strict=True)
        ]
        (loss, others), gradients = jax.value_and_grad(self._loss, has_aux=True)(
            trained, others, images, labelled, teacher_logits
        )
        mapping = [*zip(self._model.trainable_variables, trained, strict=True)]
        mapping += zip(self._optimizer.variables, slots, strict=True)
        with keras.StatelessScope(state_mapping=mapping) as scope:
            self._optimizer.learning_rate.assign(rate)
            self._optimizer.apply(gradients, self._model.trainable_variables)
        trained = [scope.get_current_value(variable) for variable in self._model.trainable_variables]
        slots = [scope.get_current_value(variable) for variable in self._optimizer.variables]
        return [trained, others, slots], loss

    def _loss(self, trained: Any, others: Any, images: Any, labelled: Any, teacher_logits: Any) -> Any:
        weights, *targets = labelled
        fixed = self._recipe.fixed_statistics
        logits, others = self._model.stateless_call(trained, others, images, training=not fixed)
        losses = losses_of(Targets(*targets), logits, teacher_logits, self._recipe)
        return (weights * losses).mean(), others


def _parts(chunk: Chunk) -> tuple[npt.NDArray[Any], ...]:
    """Images and weights of S batches, then the fields of `Targets`."""
    labels, others = chunk.labels.astype(np.int32), chunk.others.astype(np.int32)  # int64 is not JAX's
    return chunk.images, chunk.weights, labels, others, chunk.share, chunk.smoothing


def _logits_with(model: Any, values: Any, images: Any) -> Any:
    """Logits of a keras.Model whose variables have `values`."""
    import keras

    with keras.StatelessScope(state_mapping=[*zip(model.variables, values, strict=True)]):
        return model(images, training=False)


def logits(model: Any, images: Pixels) -> Floats:
    """uint8[N, H, W, C] -> float32[N, K], by a keras.Model."""
    import keras

    on_jax = keras.backend.backend() == "jax"  # where a call by itself would compile nothing
    predict = model.predict_on_batch if on_jax else model
    return np.concatenate([np.asarray(predict(portion.astype(np.float32))) for portion in portions(images)])
