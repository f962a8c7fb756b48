"""Training with checkpoints: the same seed and data give the same network, interrupted or not.

Stochastic gradient descent with Nesterov momentum, linear warm-up, then a cosine down to nothing (Loshchilov and
Hutter 2016, arXiv:1608.03983). The last epoch is kept; validation is watched, not used to pick an epoch.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import ModelError
from model.data.dataset import Dataset
from model.training import averaging, memory, narrowing, networks, towers, train_step
from model.training.averaging import Average
from model.training.backbones import backbone
from model.training.batches import Batches, Chunk
from model.training.device import computing_dtype, machine
from model.training.muon import Muon
from model.training.recipe import Recipe, changed, rate


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

    Of weights that are averaged the history knows nothing: it tells of the network as it wandered.

    `cpu_seconds` count all cores: on a machine with other work they say more than the clock. `machine` is where the
    epochs were computed, which need not be where the network is taken up to be published.
    """

    model: Any
    history: list[dict[str, float]]
    seconds: float
    cpu_seconds: float
    dtype: str
    machine: str


class CheckpointMismatch(ModelError):
    """The checkpoint, or the network to start from, was made by another recipe or from other data."""


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
    start: Any = None,
    teachers: Sequence[Any] = (),
) -> Trained:
    """Train by `recipe`, leaving a checkpoint after each epoch; with `resume`, go on from there.

    `start` and `teachers` are the keras.Models that the recipe names; all give logits for the same categories.
    `stop_after` ends the run after that many epochs, as a power cut would. Raises CheckpointMismatch and MemoryShort.
    """
    kept = _Checkpoint.read(checkpoint) if resume and checkpoint.exists() else None
    run = _Run(data, categories, recipe, checkpoint, kept.dtype if kept else computing_dtype(), teachers)
    if kept:
        run.take_up(kept)
    elif start is not None:
        run.begin_at(start)
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
        self.average = Average()
        self.seconds = self.cpu_seconds = 0.0
        batch = min(recipe.batch, len(data.train))
        self.batches = Batches(data.train, recipe, batch)
        self.served_size = data.validation.images.shape[1]
        self.size = recipe.size or self.served_size
        self.model = self._network(self.dtype, self.size)
        self.served = self.model if self.size == self.served_size else self._network(self.dtype, self.served_size)
        memory.check(self.model, batch, data.train.images.nbytes)
        pupil = towers.apart(self.model)
        self.optimizer = _optimizer(pupil, recipe)
        self.steps = train_step.compiled(pupil, self.optimizer, teachers, recipe)

    def _network(self, dtype: str, size: int) -> Any:
        channels = self.data.validation.images.shape[-1]
        if backbone.is_known(self.recipe.network):
            return backbone.classifier(self.recipe.network, None, size=size, categories=self.categories, dtype=dtype)
        return networks.build(
            self.recipe.network, size=size, channels=channels, categories=self.categories, dtype=dtype
        )

    def epoch(self, report: Callable[[Progress], None]) -> None:
        began, began_cpu, number = time.monotonic(), time.process_time(), len(self.history)
        self.machines = list(dict.fromkeys([*self.machines, machine()]))
        total, done = self.batches.before(self.recipe.epochs), self.batches.before(number)
        losses: list[float] = []
        for chunk in self._chunks(number):
            rates = [rate(done + at, total, self.recipe) for at in range(len(chunk.images))]
            lost = self.steps.run(chunk, np.array(rates, np.float32))
            self.batches.learned(chunk.indices, lost)
            losses += (chunk.weights * lost).mean(1).tolist()
            done += len(rates)
            left = (self.seconds + time.monotonic() - began) / done * (total - done)
            report(Progress(done, total, number + 1, losses[-1], left))
        self.steps.settle()
        if number >= self.recipe.epochs - self.recipe.average:
            self.average.add(self.model.get_weights())
        accuracy = self._accuracy()
        self.seconds += time.monotonic() - began
        self.cpu_seconds += time.process_time() - began_cpu
        self.history.append({"loss": float(np.mean(losses)), "validation_accuracy": accuracy})
        left = self.seconds / done * (total - done)
        report(Progress(done, total, number + 1, losses[-1], left, accuracy))

    def save(self) -> None:
        """Written aside and renamed: a cut leaves the checkpoint of the epoch before."""
        spent = {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds}
        about = {"made_by": self._made_by(), "dtype": self.dtype, "history": self.history, **spent}
        about |= {"averaged": self.average.count, "machines": self.machines}
        state = [np.asarray(variable) for variable in self._variables()]
        arrays = {str(at): value for at, value in enumerate([*state, self.batches.losses, *self.average.sums])}
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        aside = self.checkpoint.with_suffix(".part")
        with aside.open("wb") as sink:
            np.savez(sink, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]  # the stub takes ** for allow_pickle
        aside.rename(self.checkpoint)

    def take_up(self, kept: "_Checkpoint") -> None:
        if kept.about["made_by"] != self._made_by():
            raise CheckpointMismatch(
                f"{self.checkpoint} was made by another recipe or from other data: train without --resume"
            )
        variables = self._variables()
        for variable, value in zip(variables, kept.arrays, strict=False):
            variable.assign(value)
        self.batches.losses, *self.average.sums = kept.arrays[len(variables) :]
        self.average.count = kept.about["averaged"]
        self.steps.taken_up()
        self.history, self.seconds = kept.about["history"], kept.about["seconds"]
        self.cpu_seconds = kept.about["cpu_seconds"]
        self.machines = kept.about.get("machines", [machine()])  # checkpoints of before 2026-11-26 do not say

    def begin_at(self, start: Any) -> None:
        try:
            narrowing.take_over(start, self.model)
        except narrowing.OtherDesign:
            raise CheckpointMismatch(f"{self.recipe.start} holds no {self.recipe.network}: name its network") from None
        self.steps.taken_up()

    def in_float32(self) -> Any:
        """The same weights, or their average, in a network as it is saved and exported: computing in float32, for
        images of the size that it will be served.
        """
        model = self._network("float32", self.size)
        model.set_weights(self.average.mean() if self.average.count else self.model.get_weights())
        if self.average.count:
            averaging.note_anew(model, self.batches.one_by_one(self.recipe.epochs))
        if self.served is self.model:
            return model
        served = self._network("float32", self.served_size)
        served.set_weights(model.get_weights())
        return served

    def _chunks(self, epoch: int) -> Iterable[Chunk]:
        return [self.batches.whole(epoch)] if self.steps.whole_epochs else self.batches.one_by_one(epoch)

    def _accuracy(self) -> float:
        if self.served is not self.model:
            self.served.set_weights(self.model.get_weights())
        validation = self.data.validation
        said = train_step.logits(self.served, validation.images)
        return float(np.mean(said.argmax(1) == validation.labels))

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.optimizer.variables]

    def _made_by(self) -> str:
        what = json.dumps([changed(self.recipe), self.data.digest], sort_keys=True)
        return hashlib.sha256(what.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """What a run left: variables in order, what each image lost, sums of weights, and how far it was.

    It goes on in the arithmetic that it began with.
    """

    about: dict[str, Any]
    arrays: list[npt.NDArray[Any]]

    @classmethod
    def read(cls, path: Path) -> "_Checkpoint":
        with np.load(path, allow_pickle=False) as kept:
            arrays = [kept[str(at)] for at in range(len(kept.files) - 1)]
            return cls(json.loads(str(kept["about"])), arrays)

    @property
    def dtype(self) -> str:
        return str(self.about["dtype"])


def _optimizer(model: Any, recipe: Recipe) -> Any:
    import keras

    if recipe.optimizer == "muon":
        return Muon(model.trainable_variables, weight_decay=recipe.weight_decay)
    if recipe.optimizer == "adam":
        return _built(keras.optimizers.Adam(recipe.peak_rate), model)
    if recipe.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(recipe.peak_rate, weight_decay=recipe.weight_decay)
    else:
        optimizer = keras.optimizers.SGD(
            recipe.peak_rate, momentum=recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay
        )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return _built(optimizer, model)


def _built(optimizer: Any, model: Any) -> Any:
    optimizer.build(model.trainable_variables)
    return optimizer
