"""What a network is trained to say: the labels, and where there are teachers, also what they say of the same images.

Knowledge distillation (Hinton et al. 2015, arXiv:1503.02531); the teachers see every image as it was augmented for
the pupil (Beyer et al. 2022, arXiv:2106.05237).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from model.training.recipe import Recipe

Teacher = TypeVar("Teacher")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The labels of N images, int[N]: a `share` of `labels`, the rest of `others`, and of both a share `smoothing` is
    spread over all categories evenly.
    """

    labels: Any
    others: Any
    share: Any
    smoothing: Any


def asked(teachers: Sequence[Teacher], indices: npt.NDArray[np.int64], recipe: Recipe) -> list[Teacher]:
    """Those of the teachers who are asked about a batch: all, or as many as the recipe says, by chance.

    The loss is linear in what they say, so that asking some of many teaches what asking all does, at less cost. Chance
    follows from which images the batch has, int[B]: the same batch has the same teachers again.
    """
    count = recipe.teachers_asked
    if not 0 < count < len(teachers):
        return list(teachers)
    chosen = np.random.default_rng([recipe.seed, *indices[:4].tolist()]).choice(len(teachers), count, replace=False)
    return [teachers[at] for at in np.sort(chosen)]


def losses(wanted: Wanted, said: Any, taught: Sequence[Any], recipe: Recipe) -> Any:
    """Labels, logits float[N, K], each teacher's logits -> float[N]; of several towers' logits, a list, the mean."""
    if isinstance(said, list):
        return sum(losses(wanted, each, taught, recipe) for each in said) / len(said)
    by_labels = _by_labels(wanted, said)
    if not taught:
        return by_labels
    by_teachers = _by_teachers(said, taught, recipe.teachers_temperature)
    return (1 - recipe.teachers_weight) * by_labels + recipe.teachers_weight * by_teachers


def _by_labels(wanted: Wanted, said: Any) -> Any:
    from keras import ops

    one, other = (
        ops.sparse_categorical_crossentropy(labels, said, from_logits=True) for labels in (wanted.labels, wanted.others)
    )
    to_all = -ops.mean(ops.log_softmax(said, axis=-1), axis=-1)
    to_labels = wanted.share * one + (1 - wanted.share) * other
    return (1 - wanted.smoothing) * to_labels + wanted.smoothing * to_all


def _by_teachers(said: Any, taught: Sequence[Any], temperature: float) -> Any:
    """Cross-entropy to the mean of the teachers' scores; times T², so that its gradient does not shrink with T."""
    from keras import ops

    wanted = sum(ops.softmax(each / temperature) for each in taught) / len(taught)
    return -ops.sum(wanted * ops.log_softmax(said / temperature), axis=-1) * temperature**2
