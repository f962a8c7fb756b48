"""Cross-validation on photographs: each is held out once, with all of its group, from a head that never saw it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import features, head, photograph_pixels, splitting
from model.crossvalidation import Part
from model.dataset import Dataset, Split, pick
from model.preprocessing import Preprocessing
from model.recipe import Recipe


def folds(
    data: Dataset, groups: npt.NDArray[np.int64], recipe: Recipe, spec: Preprocessing, weights: Path, count: int
) -> Iterator[Part]:
    """`count` folds of `data.train`, as `photograph_pixels.load` has them, by their groups int64[N].

    What is held out is made as small as `spec` has it. The backbone of the recipe has its `weights` from that file,
    and looks at the photographs once for all heads. Raises BackboneMissing or BackboneCorrupt.
    """
    whole = data.train
    served = photograph_pixels.as_served(whole.images, spec)
    seen = features.of_images(served, weights, spec.size, recipe.network)
    fold_of = splitting.folds(whole.labels, groups, count)
    categories = int(whole.labels.max()) + 1
    for number in range(count):
        held, kept = np.flatnonzero(fold_of == number), np.flatnonzero(fold_of != number)
        part = replace(
            data,
            train=pick(whole, kept),
            validation=Split(served[held], whole.labels[held]),
            digest=f"{data.digest} fold {number + 1} of {count}",
        )

        def start(kept: npt.NDArray[np.int64] = kept) -> Any:
            return head.on(recipe, weights, spec.size, seen[kept], whole.labels[kept], categories)

        yield Part(f"fold {number + 1}", part, recipe, start)
