"""The head of a backbone, a linear classifier on its features, fitted before anything else is trained.

So the backbone is not distorted by a head that is still random (Kumar et al. 2022, arXiv:2202.10054).
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.keras_network import compiled
from model.training.backbones import backbone
from model.training.recipe import Recipe

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
BATCH = 32  # more takes memory, and no less time
STRENGTH = 10.0  # inverse of the regularisation, by the number of images
ITERATIONS = 300
STEP = 3.0
"""Times that training on an image takes longer than computing its features (docs/research/experiments.md)."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """A keras.Model with a fitted head, and the features float32[N, D] of the N training images.

    Computing these took, or at the size of training would have taken, so many `seconds`.
    """

    model: Any
    features: Floats
    seconds: float

    def minutes(self, epochs: int) -> float:
        """Estimate how long training the whole network takes."""
        return STEP * self.seconds * epochs / 60


def warm_start(recipe: Recipe, weights: Path, images: Pixels, labels: Labels, categories: int) -> WarmStart:
    """Fit a head on the recipe's backbone with its weights.

    `images` uint8[N, S, S, 3] are as the network will be served, labels int64[N]. Raises BackboneMissing or
    BackboneCorrupt.
    """
    size = images.shape[1]
    started = time.monotonic()
    features = compute_features(images, weights, recipe.network)
    seconds = (time.monotonic() - started) * ((recipe.size or size) / size) ** 2
    return WarmStart(with_head(recipe, weights, size, features, labels, categories), features, seconds)


def compute_features(images: Pixels, weights: Path | None, name: str = backbone.DEFAULT) -> Floats:
    """Run a backbone on images uint8[N, S, S, 3]; returns float32[N, D], D being 1280.

    `weights` is a file as `backbone.find_or_convert` returns it, or None for random weights. Needs TensorFlow as
    Keras's backend, and takes a core about 20 ms an image of 160 pixels. Raises BackboneMissing, BackboneCorrupt, or
    ValueError for images that are not square or not in colour.
    """
    size = images.shape[1]
    if images.shape[1:] != (size, size, 3):
        raise ValueError(f"images of {images.shape[1:]} are not square and in colour")
    model = backbone.build(weights, size=size, name=name)
    network = compiled(model)
    parts = [np.asarray(network(images[start : start + BATCH])) for start in range(0, len(images), BATCH)]
    return np.concatenate([np.zeros((0, *model.output_shape[1:]), np.float32), *parts])


def with_head(recipe: Recipe, weights: Path, size: int, features: Floats, labels: Labels, categories: int) -> Any:
    """Build the keras.Model of `warm_start` from features float32[N, D] that are already computed."""
    model = backbone.classifier(recipe.network, weights, size=size, categories=categories)
    model.get_layer("logits").set_weights(fit_linear(features, labels, categories))
    return model


def fit_linear(features: Floats, labels: Labels, categories: int) -> list[Floats]:
    """Fit a logistic regression to features float32[N, D]; returns its kernel float32[D, K] and bias float32[K].

    Every category has to be among the labels.
    """
    from sklearn.linear_model import LogisticRegression

    mean, deviation = features.mean(0), features.std(0) + 1e-3
    regression = LogisticRegression(C=STRENGTH / len(labels), max_iter=ITERATIONS)
    regression.fit((features - mean) / deviation, labels)
    kernel, bias = regression.coef_, regression.intercept_
    if categories == 2:  # scikit-learn fits one row for both
        kernel, bias = np.concatenate([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2
    scaled = kernel / deviation
    return [scaled.T.astype(np.float32), (bias - scaled @ mean).astype(np.float32)]
