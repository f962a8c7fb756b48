"""Cross-validation, on folds of the data or from several seeds: how much of a result is chance."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import pixels, splitting
from model.data.dataset import Dataset, Split, pick
from model.data.fashion_mnist import SPLIT_SEED
from model.images.preprocessing import Preprocessing
from model.training import head
from model.training.loop import Progress, train
from model.training.recipe import Recipe
from model.training.train_step import logits

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """One training of several: its name ("fold 1", "seed 0"), its data and its recipe.

    `start` builds the keras.Model that it starts from, if there is one.
    """

    name: str
    data: Dataset
    recipe: Recipe
    start: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """The accuracy of each training on its held-out images, by the training's name."""

    accuracies: dict[str, float]

    @property
    def mean(self) -> float:
        """The mean of all trainings."""
        return float(np.mean(list(self.accuracies.values())))

    @property
    def deviation(self) -> float:
        """The standard deviation of a single training (n - 1 in the denominator)."""
        return float(np.std(list(self.accuracies.values()), ddof=1))

    def as_json(self) -> dict[str, Any]:
        """Round to the digits that mean something."""
        accuracies = {name: round(accuracy, 4) for name, accuracy in self.accuracies.items()}
        return {"mean": round(self.mean, 4), "standard_deviation": round(self.deviation, 4), "accuracies": accuracies}


def folds(data: Dataset, recipe: Recipe, count: int) -> Iterator[Part]:
    """Hold out each of `count` stratified folds of training and validation images once. Test is not touched."""
    images = np.concatenate([data.train.images, data.validation.images])
    whole = Split(images, np.concatenate([data.train.labels, data.validation.labels]))
    fold_of = splitting.folds(whole.labels, np.arange(len(whole)), count, seed=SPLIT_SEED)
    yield from _hold_out(data, recipe, whole, whole, fold_of, count)


def photograph_folds(
    data: Dataset, groups: Indices, recipe: Recipe, spec: Preprocessing, weights: Path, count: int
) -> Iterator[Part]:
    """Hold out each of `count` folds of `data.train` once, each with a head that never saw it.

    `data` is as `model.data.pixels.load` has it; groups int64[N] stay in one fold. Held-out images are shrunk to the
    size in `spec`. The backbone of the recipe, with its `weights`, computes the features of all heads once. Raises
    BackboneMissing or BackboneCorrupt.
    """
    whole = data.train
    served = pixels.as_served(whole.images, spec)
    features = head.compute_features(served, weights, recipe.network)
    categories = int(whole.labels.max()) + 1

    def start(trained: Indices) -> Any:
        return head.with_head(recipe, weights, spec.size, features[trained], whole.labels[trained], categories)

    fold_of = splitting.folds(whole.labels, groups, count)
    yield from _hold_out(data, recipe, whole, Split(served, whole.labels), fold_of, count, start)


def seeds(data: Dataset, recipe: Recipe, count: int) -> Iterator[Part]:
    """Train on the same data from `count` seeds, the recipe's own first."""
    for seed in range(recipe.seed, recipe.seed + count):
        yield Part(f"seed {seed}", data, replace(recipe, seed=seed))


def measure(
    parts: Iterable[Part],
    categories: int,
    *,
    folder: Path,
    resume: bool = False,
    teachers: Sequence[Any] = (),
    report: Callable[[Part, Progress], None] = lambda *_: None,
) -> Spread:
    """Train each part, its checkpoint in `folder`; with `resume`, parts that are finished there are not repeated."""
    accuracies = {}
    for part in parts:
        trained = train(
            part.data,
            categories,
            part.recipe,
            checkpoint=folder / f"{part.name.replace(' ', '-')}.npz",
            resume=resume,
            start=part.start() if part.start else None,
            teachers=teachers,
            report=partial(report, part),
        )
        predicted = logits(trained.model, part.data.validation.images).argmax(1)
        accuracies[part.name] = float(np.mean(predicted == part.data.validation.labels))
    return Spread(accuracies)


def _hold_out(
    data: Dataset,
    recipe: Recipe,
    trained: Split,
    measured: Split,
    fold_of: Indices,
    count: int,
    start: Callable[[Indices], Any] | None = None,
) -> Iterator[Part]:
    """Hold out each fold once: train on the other images of `trained`, measure on its own of `measured`.

    `fold_of` int64[N] is the fold of each image; `start` builds the keras.Model to start from for the indices trained
    on.
    """
    for fold in range(count):
        held_out, others = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        digest = f"{data.digest} fold {fold + 1} of {count}"
        part = replace(data, train=pick(trained, others), validation=pick(measured, held_out), digest=digest)
        yield Part(f"fold {fold + 1}", part, recipe, partial(start, others) if start else None)
