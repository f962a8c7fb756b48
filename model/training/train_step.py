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
from model.training.losses import Wanted, asked
from model.training.losses import losses as losses_of
from model.training.publishing.export import write_tflite
from model.training.recipe import Recipe

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class Steps(Protocol):
    """`whole_epochs`: a call is best given a whole epoch, else a batch."""

    whole_epochs: bool

    def run(self, chunk: Chunk, rates: Floats) -> Floats:
        """S batches and float32[S] -> float32[S, B]: S steps, each at its rate; what each image lost, unweighted."""

    def settle(self) -> None:
        """Bring what the steps changed into the variables of the network and the optimizer."""

    def taken_up(self) -> None:
        """The variables were changed from outside: go on from them."""


def compiled(model: Any, optimizer: Any, teachers: Sequence[Any], recipe: Recipe) -> Steps:
    """For a keras.Model and an optimizer with `apply`, on the backend that Keras was started with.

    `teachers` are keras.Models too, from whose logits the recipe says how to learn.
    """
    import keras

    kind = OnJax if keras.backend.backend() == "jax" else OnTensorFlow
    return kind(model, optimizer, teachers, recipe)


class OnTensorFlow:
    """A step is a call. Teachers answer by LiteRT in int8, which is twice as quick as TensorFlow on a processor."""

    whole_epochs = False

    def __init__(self, model: Any, optimizer: Any, teachers: Sequence[Any], recipe: Recipe) -> None:
        self._model, self._optimizer, self._recipe = model, optimizer, recipe
        self._teachers = [_Quick(teacher) for teacher in teachers]
        self._step = self._compiled()

    def run(self, chunk: Chunk, rates: Floats) -> Floats:
        losses = []
        for rate, indices, *batch in zip(rates, chunk.indices, *_parts(chunk), strict=True):
            self._optimizer.learning_rate.assign(rate)
            chosen = asked(self._teachers, indices, self._recipe)
            taught = [teacher.logits(batch[0]) for teacher in chosen]
            losses.append(np.asarray(self._step(taught, *batch)))
        return np.stack(losses)

    def settle(self) -> None:
        """They are in the variables already."""

    def taken_up(self) -> None:
        """Steps read the variables anyway."""

    def _compiled(self) -> Any:
        import tensorflow as tf

        model = self._model
        answers = Folded(model) if self._recipe.fixed_statistics else functools.partial(model, training=True)

        def step(taught: Any, images: Any, weights: Any, *wanted: Any) -> Any:
            images = tf.cast(images, tf.float32)
            with tf.GradientTape() as tape:
                said = answers(images)
                losses = losses_of(Wanted(*wanted), said, taught, self._recipe)
                loss = tf.reduce_mean(weights * losses)
            self._optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
            return losses

        return tf.function(step, autograph=False)


class _Quick:
    """A keras.Model, asked for its logits by LiteRT."""

    def __init__(self, model: Any) -> None:
        self._categories = model.output_shape[-1]
        with tempfile.TemporaryDirectory() as folder:
            write_tflite(model, Path(folder), "int8")
            self._runtime = LiteRT(Path(folder) / "model.tflite", threads=os.cpu_count() or 1)

    def logits(self, images: Pixels) -> Floats:
        """uint8[N, H, W, C] -> float32[N, K]."""
        return self._runtime.run(images)[:, : self._categories]


class OnJax:
    """An epoch is a call: its state goes round in a loop that XLA compiles, and comes back at the end.

    All teachers are asked about every batch, whatever the recipe says: to a GPU they are cheap.
    """

    whole_epochs = True
    _state: Any

    def __init__(self, model: Any, optimizer: Any, teachers: Sequence[Any], recipe: Recipe) -> None:
        import jax

        self._model, self._optimizer, self._teachers, self._recipe = model, optimizer, teachers, recipe
        self._known = [[variable.value for variable in teacher.variables] for teacher in teachers]
        self._epoch = jax.jit(self._scanned, donate_argnums=0)
        self.taken_up()

    def run(self, chunk: Chunk, rates: Floats) -> Floats:
        self._state, losses = self._epoch(self._state, (rates, *_parts(chunk)), self._known)
        return np.asarray(losses)

    def settle(self) -> None:
        for variables, values in zip(self._variables(), self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value.copy())  # as the next call gives the loop's own memory away

    def taken_up(self) -> None:
        self._state = [[variable.value.copy() for variable in variables] for variables in self._variables()]

    def _variables(self) -> list[list[Any]]:
        model = self._model
        return [model.trainable_variables, model.non_trainable_variables, self._optimizer.variables]

    def _scanned(self, state: Any, batches: Any, known: Any) -> Any:
        import jax

        return jax.lax.scan(lambda state, batch: self._step(state, batch, known), state, batches)

    def _step(self, state: Any, batch: Any, known: Any) -> Any:
        import jax
        import keras

        trained, others, kept = state
        rate, images, *weighed = batch
        images = images.astype(np.float32)
        taught = [_told(teacher, values, images) for teacher, values in zip(self._teachers, known, strict=True)]
        (_, (losses, others)), gradients = jax.value_and_grad(self._loss, has_aux=True)(
            trained, others, images, weighed, taught
        )
        mapping = [*zip(self._model.trainable_variables, trained, strict=True)]
        mapping += zip(self._optimizer.variables, kept, strict=True)
        with keras.StatelessScope(state_mapping=mapping) as scope:
            self._optimizer.learning_rate.assign(rate)
            self._optimizer.apply(gradients, self._model.trainable_variables)
        trained = [scope.get_current_value(variable) for variable in self._model.trainable_variables]
        kept = [scope.get_current_value(variable) for variable in self._optimizer.variables]
        return [trained, others, kept], losses

    def _loss(self, trained: Any, others: Any, images: Any, weighed: Any, taught: Any) -> Any:
        weights, *wanted = weighed
        said, others = self._model.stateless_call(trained, others, images, training=not self._recipe.fixed_statistics)
        losses = losses_of(Wanted(*wanted), said, taught, self._recipe)
        return (weights * losses).mean(), (losses, others)


def _parts(chunk: Chunk) -> tuple[npt.NDArray[Any], ...]:
    """Images and weights of S batches, and what is wanted, as `Wanted` takes it."""
    labels, others = (each.astype(np.int32) for each in (chunk.labels, chunk.others))  # int64 is not JAX's
    return chunk.images, chunk.weights, labels, others, chunk.share, chunk.smoothing


def _told(teacher: Any, values: Any, images: Any) -> Any:
    """A teacher's logits, its variables being `values`."""
    import keras

    with keras.StatelessScope(state_mapping=[*zip(teacher.variables, values, strict=True)]):
        return teacher(images, training=False)


def logits(model: Any, images: Pixels) -> Floats:
    """uint8[N, H, W, C] -> float32[N, K]: what a network says before softmax."""
    import keras

    on_jax = keras.backend.backend() == "jax"  # where a call by itself would compile nothing
    predict = model.predict_on_batch if on_jax else model
    return np.concatenate([np.asarray(predict(each.astype(np.float32))) for each in portions(images)])
