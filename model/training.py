"""Training with checkpoints: the same seed and data give the same network, interrupted or not.

Stochastic gradient descent with Nesterov momentum, linear warm-up, then a cosine down to nothing (Loshchilov and
Hutter 2016, arXiv:1608.03983). The last epoch is kept; validation is watched, not used to pick an epoch.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import memory, network
from model.augmentation import augment
from model.dataset import Dataset, Split
from model.muon import Muon
from model.recipe import Recipe, computing_dtype, rate


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands; `validation_accuracy` is None but at the end of an epoch."""

    step: int
    steps: int
    epoch: int
    loss: float
    seconds_left: float
    validation_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """A float32 keras.Model that gives logits, what each epoch came to, and the seconds it took in all.

    `cpu_seconds` count both cores: on a machine with other work they say more than the clock.
    """

    model: Any
    history: list[dict[str, float]]
    seconds: float
    cpu_seconds: float
    dtype: str


class CheckpointMismatch(Exception):
    """The checkpoint was made by another recipe or from other data."""


def silent(_: Progress) -> None:
    """For callers that draw no progress."""


def train(
    data: Dataset,
    categories: int,
    recipe: Recipe,
    *,
    checkpoint: Path,
    resume: bool = False,
    report: Callable[[Progress], None] = silent,
    stop_after: int | None = None,
) -> Trained:
    """Train by `recipe`, leaving a checkpoint after each epoch; with `resume`, go on from there.

    `stop_after` ends the run after that many epochs, as a power cut would. Raises CheckpointMismatch and MemoryShort.
    """
    run = _Run(data, categories, recipe, checkpoint)
    if resume:
        run.restore()
    while len(run.history) < min(recipe.epochs, stop_after or recipe.epochs):
        run.epoch(report)
        run.save()
    return Trained(run.in_float32(), run.history, run.seconds, run.cpu_seconds, run.dtype)


def logits(model: Any, images: npt.NDArray[np.uint8], *, batch: int = 500) -> npt.NDArray[np.float32]:
    """uint8[N, H, W, C] -> float32[N, K]: what the network says before softmax."""
    parts = [np.asarray(model(images[at : at + batch].astype(np.float32))) for at in range(0, len(images), batch)]
    return np.concatenate(parts)


class _Run:
    """One training: network, optimizer, and how far they are."""

    def __init__(self, data: Dataset, categories: int, recipe: Recipe, checkpoint: Path) -> None:
        import keras

        keras.utils.set_random_seed(recipe.seed)
        self.data, self.categories, self.recipe, self.checkpoint = data, categories, recipe, checkpoint
        self.dtype = computing_dtype()
        self.history: list[dict[str, float]] = []
        self.seconds = self.cpu_seconds = 0.0
        self.batch = min(recipe.batch, len(data.train))
        self.steps = len(data.train) // self.batch
        self.model = self._network(self.dtype)
        memory.check(self.model, self.batch, data.train.images.nbytes)
        self.optimizer = _optimizer(self.model, recipe)
        self.apply = _compiled_step(self.model, self.optimizer)

    def _network(self, dtype: str) -> Any:
        _, size, _, channels = self.data.train.images.shape
        return network.build(self.recipe.network, size=size, channels=channels, categories=self.categories, dtype=dtype)

    def epoch(self, report: Callable[[Progress], None]) -> None:
        began, began_cpu, number = time.monotonic(), time.process_time(), len(self.history)
        total = self.steps * self.recipe.epochs
        losses: list[float] = []
        for images, labels in _batches(self.data.train, self.batch, self.recipe, number):
            step = number * self.steps + len(losses)
            self.optimizer.learning_rate.assign(rate(step, total, self.recipe))
            losses.append(float(self.apply(images, labels)))
            a_step = (self.seconds + time.monotonic() - began) / (step + 1)
            report(Progress(step + 1, total, number + 1, losses[-1], a_step * (total - step - 1)))
        accuracy = _accuracy(self.model, self.data.validation)
        self.seconds += time.monotonic() - began
        self.cpu_seconds += time.process_time() - began_cpu
        self.history.append({"loss": float(np.mean(losses)), "validation_accuracy": accuracy})
        left = self.seconds / (number + 1) * (self.recipe.epochs - number - 1)
        report(Progress((number + 1) * self.steps, total, number + 1, losses[-1], left, accuracy))

    def save(self) -> None:
        """Written aside and renamed: a cut leaves the checkpoint of the epoch before."""
        spent = {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds}
        about = {"made_by": self._made_by(), "history": self.history, **spent}
        arrays = {str(at): np.asarray(variable) for at, variable in enumerate(self._variables())}
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        aside = self.checkpoint.with_suffix(".part")
        with aside.open("wb") as sink:
            np.savez(sink, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]  # the stub takes ** for allow_pickle
        aside.rename(self.checkpoint)

    def restore(self) -> None:
        if not self.checkpoint.exists():
            return
        with np.load(self.checkpoint, allow_pickle=False) as kept:
            about = json.loads(str(kept["about"]))
            if about["made_by"] != self._made_by():
                raise CheckpointMismatch(
                    f"{self.checkpoint} was made by another recipe or from other data: train without --resume"
                )
            for at, variable in enumerate(self._variables()):
                variable.assign(kept[str(at)])
        self.history, self.seconds, self.cpu_seconds = about["history"], about["seconds"], about["cpu_seconds"]

    def in_float32(self) -> Any:
        """The same weights in a network that computes in float32, as it is saved and exported."""
        model = self._network("float32")
        model.set_weights(self.model.get_weights())
        return model

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.optimizer.variables]

    def _made_by(self) -> str:
        what = json.dumps([dataclasses.asdict(self.recipe), self.data.digest, self.dtype], sort_keys=True)
        return hashlib.sha256(what.encode()).hexdigest()


def _optimizer(model: Any, recipe: Recipe) -> Any:
    import keras

    if recipe.optimizer == "muon":
        return Muon(model.trainable_variables, weight_decay=recipe.weight_decay)
    if recipe.optimizer == "adam":
        return _built(keras.optimizers.Adam(recipe.peak_rate), model)
    optimizer = keras.optimizers.SGD(
        recipe.peak_rate, momentum=recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return _built(optimizer, model)


def _built(optimizer: Any, model: Any) -> Any:
    optimizer.build(model.trainable_variables)
    return optimizer


def _compiled_step(model: Any, optimizer: Any) -> Callable[[Any, Any], Any]:
    import keras
    import tensorflow as tf

    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def step(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(tf.cast(images, tf.float32), training=True))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    compiled: Callable[[Any, Any], Any] = tf.function(step, autograph=False)
    return compiled


def _batches(split: Split, batch: int, recipe: Recipe, epoch: int) -> Any:
    """Shuffled, augmented batches of one epoch; the images that fill no batch wait for another shuffle."""
    random = np.random.default_rng([recipe.seed, epoch])
    order = random.permutation(len(split))
    for at in range(0, len(split) - batch + 1, batch):
        chosen = order[at : at + batch]
        yield (
            augment(split.images[chosen], random, shift=recipe.shift, mirror=recipe.mirror, erase=recipe.erase),
            split.labels[chosen],
        )


def _accuracy(model: Any, split: Split) -> float:
    return float(np.mean(logits(model, split.images).argmax(1) == split.labels))
