"""Fine-tuning begins with the head: a linear classifier on what the backbone makes of the photographs as it is.

So the backbone is not pulled about by a head that knows nothing yet (Kumar et al. 2022, arXiv:2202.10054).
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.training import features
from model.training.backbones import backbone
from model.training.recipe import Recipe

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
STRENGTH = 10.0  # of what photographs say against the wish for small weights, by the number of photographs
ITERATIONS = 300
STEP = 3.0
"""A photograph costs so many times as much in training as when it is only looked at (docs/research/experiments.md)."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A keras.Model with a head, and what its backbone made of the N training images: float32[N, D].

    That took, or at the size of training would have taken, so many `seconds`.
    """

    model: Any
    features: Floats
    seconds: float

    def minutes(self, epochs: int) -> float:
        """What training all of it will take, about."""
        return STEP * self.seconds * epochs / 60


def fitted(recipe: Recipe, weights: Path, images: npt.NDArray[np.uint8], labels: Labels, categories: int) -> Begun:
    """The recipe's backbone with its weights, and a head trained on top of them.

    `images` uint8[N, S, S, 3] are as the network will be served, labels int64[N]. Raises BackboneMissing or
    BackboneCorrupt.
    """
    size = images.shape[1]
    began = time.monotonic()
    seen = features.of_images(images, weights, size, recipe.network)
    seconds = (time.monotonic() - began) * ((recipe.size or size) / size) ** 2
    return Begun(on(recipe, weights, size, seen, labels, categories), seen, seconds)


def on(recipe: Recipe, weights: Path, size: int, seen: Floats, labels: Labels, categories: int) -> Any:
    """A keras.Model as `fitted` gives it, from features float32[N, D] that its backbone was seen to give before."""
    model = backbone.classifier(recipe.network, weights, size=size, categories=categories)
    model.get_layer("logits").set_weights(linear(seen, labels, categories))
    return model


def linear(seen: Floats, labels: Labels, categories: int) -> list[Floats]:
    """Kernel float32[D, K] and bias float32[K] of a logistic regression on features float32[N, D].

    Every category has to be among the labels.
    """
    from sklearn.linear_model import LogisticRegression

    mean, deviation = seen.mean(0), seen.std(0) + 1e-3
    found = LogisticRegression(C=STRENGTH / len(labels), max_iter=ITERATIONS).fit((seen - mean) / deviation, labels)
    kernel, bias = found.coef_, found.intercept_
    if categories == 2:  # one line parts them
        kernel, bias = np.concatenate([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2
    scaled = kernel / deviation
    return [scaled.T.astype(np.float32), (bias - scaled @ mean).astype(np.float32)]
