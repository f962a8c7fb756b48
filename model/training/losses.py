"""The loss: cross-entropy to the labels and, with teachers, to their scores of the same images.

Knowledge distillation (Hinton et al. 2015, arXiv:1503.02531); the teachers see every image as it was augmented for
the student (Beyer et al. 2022, arXiv:2106.05237).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Targets:
    """Labels of N images, int[N]: a `share` of `labels`, the rest of `others`.

    A share `smoothing` of both is spread evenly over all categories.
    """

    labels: Any
    others: Any
    share: Any
    smoothing: Any


def losses(targets: Targets, logits: Any, teacher_logits: Sequence[Any], recipe: Recipe) -> Any:
    """Compute the loss of each image, float[N], from logits float[N, K] of the student and of each teacher."""
    to_labels = _to_labels(targets, logits)
    if not teacher_logits:
        return to_labels
    to_teachers = _to_teachers(logits, teacher_logits, recipe.teachers_temperature)
    return (1 - recipe.teachers_weight) * to_labels + recipe.teachers_weight * to_teachers


def _to_labels(targets: Targets, logits: Any) -> Any:
    from keras import ops

    to_first, to_other = (
        ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        for labels in (targets.labels, targets.others)
    )
    to_all = -ops.mean(ops.log_softmax(logits, axis=-1), axis=-1)
    to_both = targets.share * to_first + (1 - targets.share) * to_other
    return (1 - targets.smoothing) * to_both + targets.smoothing * to_all


def _to_teachers(logits: Any, teacher_logits: Sequence[Any], temperature: float) -> Any:
    """Cross-entropy to the mean of the teachers' scores; times T², so that its gradient does not shrink with T."""
    from keras import ops

    scores = sum(ops.softmax(of_one / temperature) for of_one in teacher_logits) / len(teacher_logits)
    return -ops.sum(scores * ops.log_softmax(logits / temperature), axis=-1) * temperature**2
