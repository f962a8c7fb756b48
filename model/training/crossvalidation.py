"""How much a result owes to chance: the same training on K folds of the data, or from N seeds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import splitting
from model.data.dataset import Dataset, Split, pick
from model.data.fashion_mnist import SPLIT_SEED
from model.training.loop import Progress, train
from model.training.recipe import Recipe
from model.training.train_step import logits

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """One training of several: its name ("fold 1", "seed 0"), its data and its recipe.

    `start` makes the keras.Model that this one begins at, where not all begin at the same.
    """

    name: str
    data: Dataset
    recipe: Recipe
    start: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Accuracies on what each training held out, by its name."""

    accuracies: dict[str, float]

    @property
    def mean(self) -> float:
        return float(np.mean(list(self.accuracies.values())))

    @property
    def deviation(self) -> float:
        """Standard deviation of a single training (n - 1 in the denominator)."""
        return float(np.std(list(self.accuracies.values()), ddof=1))

    def as_json(self) -> dict[str, Any]:
        """Rounded to what the numbers are worth."""
        each = {name: round(value, 4) for name, value in self.accuracies.items()}
        return {"mean": round(self.mean, 4), "standard_deviation": round(self.deviation, 4), "accuracies": each}


def folds(data: Dataset, recipe: Recipe, count: int) -> Iterator[Part]:
    """`count` stratified folds of training and validation images, each held out once. Test is not touched."""
    images = np.concatenate([data.train.images, data.validation.images])
    whole = Split(images, np.concatenate([data.train.labels, data.validation.labels]))
    each_by_itself = np.arange(len(whole))
    fold_of = splitting.folds(whole.labels, each_by_itself, count, seed=SPLIT_SEED)
    yield from held_out(data, recipe, whole, whole, fold_of, count)


def held_out(
    data: Dataset,
    recipe: Recipe,
    trained: Split,
    asked: Split,
    fold_of: Indices,
    count: int,
    start: Callable[[Indices], Any] | None = None,
) -> Iterator[Part]:
    """Each of `count` folds once: trained on the other images as in `trained`, measured on its own as in `asked`.

    `fold_of` int64[N] is the fold of each; `start` makes the keras.Model to begin at from the indices trained on.
    """
    for number in range(count):
        held, kept = np.flatnonzero(fold_of == number), np.flatnonzero(fold_of != number)
        digest = f"{data.digest} fold {number + 1} of {count}"
        part = replace(data, train=pick(trained, kept), validation=pick(asked, held), digest=digest)
        yield Part(f"fold {number + 1}", part, recipe, partial(start, kept) if start else None)


def seeds(data: Dataset, recipe: Recipe, count: int) -> Iterator[Part]:
    """The same data from `count` seeds, the recipe's own first."""
    for number in range(count):
        yield Part(f"seed {recipe.seed + number}", data, replace(recipe, seed=recipe.seed + number))


def measure(
    parts: Iterable[Part],
    categories: int,
    *,
    folder: Path,
    resume: bool = False,
    start: Any = None,
    teachers: Sequence[Any] = (),
    report: Callable[[Part, Progress], None] = lambda *_: None,
) -> Spread:
    """Train each part, its checkpoint in `folder`; with `resume`, what is finished there is not done again."""
    accuracies = {}
    for part in parts:
        trained = train(
            part.data,
            categories,
            part.recipe,
            checkpoint=folder / f"{part.name.replace(' ', '-')}.npz",
            resume=resume,
            start=part.start() if part.start else start,
            teachers=teachers,
            report=lambda progress, part=part: report(part, progress),  # type: ignore[misc]  # a default binds the part
        )
        said = logits(trained.model, part.data.validation.images)
        accuracies[part.name] = float(np.mean(said.argmax(1) == part.data.validation.labels))
    return Spread(accuracies)
