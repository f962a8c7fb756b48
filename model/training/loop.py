"""Training with checkpoints: the same seed and data give the same network, interrupted or not.

Stochastic gradient descent with Nesterov momentum, linear warm-up, then a cosine down to nothing (Loshchilov and
Hutter 2016, arXiv:1608.03983). The last epoch is kept; validation is watched, not used to pick an epoch.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import ModelError
from model.data.dataset import Dataset
from model.training import memory, networks, train_step
from model.training.backbones import backbone
from model.training.batches import Batches
from model.training.device import computing_dtype, machine
from model.training.recipe import Recipe, changed, rate

CHECKPOINT_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is; `validation_accuracy` is None except at the end of an epoch."""

    step: int
    steps: int
    epoch: int
    loss: float
    seconds_left: float
    validation_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """A float32 keras.Model that gives logits, the results of each epoch, and the seconds that all of them took.

    `cpu_seconds` count all cores: on a machine with other work they say more than the clock. `machine` is where the
    epochs were computed, which need not be where the bundle is made.
    """

    model: Any
    history: list[dict[str, float]]
    seconds: float
    cpu_seconds: float
    dtype: str
    machine: str


class CheckpointMismatch(ModelError):
    """The checkpoint, or the network to start from, was made by another recipe or version, or from other data."""


def train(
    data: Dataset,
    categories: int,
    recipe: Recipe,
    *,
    checkpoint: Path,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
    stop_after: int | None = None,
    start: Any = None,
    teachers: Sequence[Any] = (),
) -> Trained:
    """Train by `recipe`, leaving a checkpoint after each epoch; with `resume`, continue from it.

    `start` and `teachers` are the keras.Models that the recipe names; all give logits for the same categories.
    `stop_after` ends the run after that many epochs, as a power cut would. Raises CheckpointMismatch and MemoryShort.
    """
    saved = _Checkpoint.read(checkpoint) if resume and checkpoint.exists() else None
    run = _Run(data, categories, recipe, checkpoint, saved.about["dtype"] if saved else computing_dtype(), teachers)
    if saved:
        run.restore(saved)
    elif start is not None:
        run.start_from(start)
    with contextlib.closing(run.batches):
        while len(run.history) < min(recipe.epochs, stop_after or recipe.epochs):
            run.epoch(report)
            run.save()
        return Trained(run.in_float32(), run.history, run.seconds, run.cpu_seconds, run.dtype, "; ".join(run.machines))


class _Run:
    """One training: network, optimizer, and how far they are."""

    def __init__(
        self, data: Dataset, categories: int, recipe: Recipe, checkpoint: Path, dtype: str, teachers: Sequence[Any]
    ) -> None:
        import keras

        keras.utils.set_random_seed(recipe.seed)
        self.data, self.categories, self.recipe, self.checkpoint = data, categories, recipe, checkpoint
        self.dtype = dtype
        self.history: list[dict[str, float]] = []
        self.machines: list[str] = []
        self.seconds = self.cpu_seconds = 0.0
        batch = min(recipe.batch, len(data.train))
        self.batches = Batches(data.train, recipe, batch)
        self.served_size = data.validation.images.shape[1]
        self.size = recipe.size or self.served_size
        self.model = self._network(self.dtype, self.size)
        self.served = self.model if self.size == self.served_size else self._network(self.dtype, self.served_size)
        memory.check(self.model, batch, data.train.images.nbytes)
        self.optimizer = _optimizer(self.model, recipe)
        self.steps = train_step.compiled(self.model, self.optimizer, teachers, recipe)

    def _network(self, dtype: str, size: int) -> Any:
        channels = self.data.validation.images.shape[-1]
        if backbone.is_known(self.recipe.network):
            return backbone.classifier(self.recipe.network, None, size=size, categories=self.categories, dtype=dtype)
        return networks.build(
            self.recipe.network, size=size, channels=channels, categories=self.categories, dtype=dtype
        )

    def epoch(self, report: Callable[[Progress], None]) -> None:
        started, started_cpu, number = time.monotonic(), time.process_time(), len(self.history)
        self.machines = list(dict.fromkeys([*self.machines, machine()]))
        total, done = self.recipe.epochs * self.batches.per_epoch, number * self.batches.per_epoch
        losses: list[float] = []
        chunks = [self.batches.whole(number)] if self.steps.whole_epochs else self.batches.one_by_one(number)
        for chunk in chunks:
            rates = [rate(step, total, self.recipe) for step in range(done, done + len(chunk.images))]
            losses += self.steps.run(chunk, np.array(rates, np.float32)).tolist()
            done += len(rates)
            left = (self.seconds + time.monotonic() - started) / done * (total - done)
            report(Progress(done, total, number + 1, losses[-1], left))
        self.steps.store()
        accuracy = self._accuracy()
        self.seconds += time.monotonic() - started
        self.cpu_seconds += time.process_time() - started_cpu
        self.history.append({"loss": float(np.mean(losses)), "validation_accuracy": accuracy})
        left = self.seconds / done * (total - done)
        report(Progress(done, total, number + 1, losses[-1], left, accuracy))

    def save(self) -> None:
        """Write the checkpoint aside and rename it: a cut leaves that of the epoch before."""
        about = {
            "format": CHECKPOINT_FORMAT,
            "made_by": self._made_by(),
            "dtype": self.dtype,
            "history": self.history,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "machines": self.machines,
        }
        arrays = {str(index): np.asarray(variable) for index, variable in enumerate(self._variables())}
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        aside = self.checkpoint.with_suffix(".part")
        with aside.open("wb") as sink:
            np.savez(sink, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]  # the stub takes ** for allow_pickle
        aside.rename(self.checkpoint)

    def restore(self, saved: "_Checkpoint") -> None:
        if saved.about["made_by"] != self._made_by():
            raise CheckpointMismatch(
                f"{self.checkpoint} was made by another recipe or from other data: train without --resume"
            )
        for variable, value in zip(self._variables(), saved.arrays, strict=True):
            variable.assign(value)
        self.steps.load()
        self.history, self.machines = saved.about["history"], saved.about["machines"]
        self.seconds, self.cpu_seconds = saved.about["seconds"], saved.about["cpu_seconds"]

    def start_from(self, start: Any) -> None:
        if _design(start) != _design(self.model):
            raise CheckpointMismatch(f"{self.recipe.start} holds no {self.recipe.network}: name its network")
        self.model.set_weights(start.get_weights())
        self.steps.load()

    def in_float32(self) -> Any:
        """Copy the weights to a network that computes in float32 on images of the served size, to be exported."""
        model = self._network("float32", self.served_size)
        model.set_weights(self.model.get_weights())
        return model

    def _accuracy(self) -> float:
        if self.served is not self.model:
            self.served.set_weights(self.model.get_weights())
        validation = self.data.validation
        return float(np.mean(train_step.logits(self.served, validation.images).argmax(1) == validation.labels))

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.optimizer.variables]

    def _made_by(self) -> str:
        what = json.dumps([changed(self.recipe), self.data.digest], sort_keys=True)
        return hashlib.sha256(what.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """What a run left: its variables in order, and how far it was. It continues in the arithmetic it began with."""

    about: dict[str, Any]
    arrays: list[npt.NDArray[Any]]

    @classmethod
    def read(cls, path: Path) -> "_Checkpoint":
        """Raise CheckpointMismatch for a checkpoint of another version."""
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about.get("format") != CHECKPOINT_FORMAT:
                raise CheckpointMismatch(f"{path} was left by another version of this program: train without --resume")
            return cls(about, [file[str(index)] for index in range(len(file.files) - 1)])


def _design(model: Any) -> list[Any]:
    """List the kind of each layer and the shapes of its weights."""
    return [(type(layer), [weights.shape for weights in layer.weights]) for layer in model.layers]


def _optimizer(model: Any, recipe: Recipe) -> Any:
    import keras

    if recipe.optimizer == "adam":
        optimizer = keras.optimizers.Adam(recipe.peak_rate)
    elif recipe.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(recipe.peak_rate, weight_decay=recipe.weight_decay)
    else:
        optimizer = keras.optimizers.SGD(
            recipe.peak_rate, momentum=recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay
        )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(model.trainable_variables)
    return optimizer
