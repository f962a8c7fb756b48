"""Cross-validation on photographs: each is held out once, with all of its group, from a head that never saw it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import pixels, splitting
from model.data.dataset import Dataset, Split
from model.images.preprocessing import Preprocessing
from model.training import features, head
from model.training.crossvalidation import Part, held_out
from model.training.recipe import Recipe


def folds(
    data: Dataset, groups: npt.NDArray[np.int64], recipe: Recipe, spec: Preprocessing, weights: Path, count: int
) -> Iterator[Part]:
    """`count` folds of `data.train`, as `photograph_pixels.load` has them, by their groups int64[N].

    What is held out is made as small as `spec` has it. The backbone of the recipe has its `weights` from that file,
    and looks at the photographs once for all heads. Raises BackboneMissing or BackboneCorrupt.
    """
    whole = data.train
    served = pixels.as_served(whole.images, spec)
    seen = features.of_images(served, weights, spec.size, recipe.network)
    categories = int(whole.labels.max()) + 1

    def start(kept: npt.NDArray[np.int64]) -> Any:
        return head.on(recipe, weights, spec.size, seen[kept], whole.labels[kept], categories)

    fold_of = splitting.folds(whole.labels, groups, count)
    yield from held_out(data, recipe, whole, Split(served, whole.labels), fold_of, count, start)
