"""The publishing task: categories, preprocessing and evaluation set of the bundle to make."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import pixels
from model.data.dataset import Dataset
from model.decisions.categories import FASHION_MNIST as GARMENTS
from model.evaluation import evaluation_sets, ood_images
from model.evaluation.evaluation_sets import EvaluationSet, OodSource
from model.images.preprocessing import FASHION_MNIST, Preprocessing

Images = npt.NDArray[np.uint8]

GOLDEN_IMAGES = 64
DRAWN = 8  # golden images that are drawn, so that nobody's photographs are passed on with a bundle


@dataclass(frozen=True)
class BundleSpec:
    """What `publish` needs beside the trained network.

    `data` says where the images come from. On the `golden` images, uint8[N, S, S, C], both runtimes must agree.
    `weights` are kinds of `export.write_tflite`, tried in turn. `served` returns the training images as the network
    will be served, uint8[M, S, S, C], and `evaluation_set` what the bundle is measured on.
    """

    categories: tuple[str, ...]
    preprocessing: Preprocessing
    purpose: str
    data: Mapping[str, Any]
    golden: Images
    weights: tuple[str, ...]
    served: Callable[[], Images]
    evaluation_set: Callable[[], EvaluationSet]


def fashion_mnist(data: Dataset, hats: Path | None = None) -> BundleSpec:
    """Return the task for Fashion-MNIST; sub-folders "hat" of `hats` become an out-of-distribution source."""
    return BundleSpec(
        categories=GARMENTS,
        preprocessing=FASHION_MNIST,
        purpose="",
        data={"name": "Fashion-MNIST"},
        golden=data.validation.images[:GOLDEN_IMAGES],
        weights=("int8", "float16"),
        served=lambda: data.train.images,
        evaluation_set=lambda: evaluation_sets.of_fashion_mnist(data.test, FASHION_MNIST, hats),
    )


def photographs(
    data: Dataset,
    categories: Sequence[str],
    spec: Preprocessing,
    name: str,
    tested: Sequence[str],
    *,
    ood_sources: Sequence[OodSource] = (),
    shown: bool = True,
) -> BundleSpec:
    """Return the task for photographs, called `name`, of which those in `tested` are the test.

    `ood_sources` are categories left out of training. Unless `shown`, no photograph is in the report.
    """
    return BundleSpec(
        categories=tuple(categories),
        preprocessing=spec,
        purpose=f"Colour photographs of {_listed(categories)}",
        data={"name": name},
        golden=ood_images.drawn(spec, DRAWN),
        weights=("static int8", "int8 weights", "float16"),
        served=lambda: pixels.as_served(data.train.images, spec),
        evaluation_set=lambda: evaluation_sets.of_photographs(
            data.test, tuple(tested), spec, name, ood_sources, shown=shown
        ),
    )


def _listed(categories: Sequence[str], most: int = 12) -> str:
    more = f" and {len(categories) - most} more" if len(categories) > most else ""
    return f"{len(categories)} categories: {', '.join(categories[:most])}{more}"
