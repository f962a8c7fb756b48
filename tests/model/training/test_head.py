"""The head of a backbone, fitted on made-up features."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from model.decisions.calibration import softmax
from model.training.head import ITERATIONS, STRENGTH, Begun, linear

SIZE = 20
CENTRES = np.random.default_rng(3).normal(0, 2, (4, SIZE))


def cloud(categories: int, seed: int, images: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Features float32[N, D] of very different sizes, one of them always the same, and labels int64[N]."""
    random = np.random.default_rng(seed)
    labels = np.arange(images) % categories
    features = (CENTRES[labels] + random.normal(0, 1.5, (images, SIZE))) * np.geomspace(0.01, 100, SIZE) + 7
    features[:, 4] = 3
    return features.astype(np.float32), labels


@pytest.mark.parametrize("categories", [2, 3, 4])
def test_it_tells_categories_apart_that_it_was_not_fitted_on(categories: int) -> None:
    kernel, bias = linear(*cloud(categories, 1), categories)
    features, labels = cloud(categories, 2)

    found = (features @ kernel + bias).argmax(1)

    assert (kernel.shape, bias.shape) == ((SIZE, categories), (categories,))
    assert kernel.dtype == bias.dtype == np.float32
    assert (found == labels).mean() > 0.95


@pytest.mark.parametrize("categories", [2, 3])
def test_its_probabilities_are_scikit_learns_on_features_of_one_scale(categories: int) -> None:
    features, labels = cloud(categories, 1)
    scaled = (features - features.mean(0)) / (features.std(0) + 1e-3)
    theirs = LogisticRegression(C=STRENGTH / len(labels), max_iter=ITERATIONS).fit(scaled, labels)

    kernel, bias = linear(features, labels, categories)

    np.testing.assert_allclose(softmax(features @ kernel + bias, 1.0), theirs.predict_proba(scaled), atol=1e-3)


def test_it_counts_on_every_category_as_often_as_it_was_shown() -> None:
    features, labels = cloud(2, 1)
    rare = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:12]])
    hardly = features[rare] * 0.0 + np.random.default_rng(0).normal(0, 1, (len(rare), SIZE)).astype(np.float32)

    kernel, bias = linear(hardly, labels[rare], 2)

    assert softmax(hardly @ kernel + bias, 1.0).mean(0) == pytest.approx([120 / 132, 12 / 132], abs=0.01)


def test_training_all_of_a_backbone_is_told_in_minutes_beforehand() -> None:
    begun = Begun(None, np.zeros((2, 3), np.float32), seconds=30)

    assert begun.minutes(epochs=14) == pytest.approx(21)
