"""A backbone's features, one row an image, and the head that is fitted to them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from model.decisions.calibration import softmax
from model.training.backbones import backbone
from model.training.backbones.backbone import BackboneMissing
from model.training.head import BATCH, ITERATIONS, STRENGTH, WarmStart, compute_features, fit_linear

SIZE = 20
CENTRES = np.random.default_rng(3).normal(0, 2, (4, SIZE))


def cloud(categories: int, seed: int, images: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Draw features float32[N, D] of very different sizes, one of them constant, and labels int64[N]."""
    random = np.random.default_rng(seed)
    labels = np.arange(images) % categories
    features = (CENTRES[labels] + random.normal(0, 1.5, (images, SIZE))) * np.geomspace(0.01, 100, SIZE) + 7
    features[:, 4] = 3
    return features.astype(np.float32), labels


@pytest.mark.parametrize("categories", [2, 3, 4])
def test_it_tells_categories_apart_that_it_was_not_fitted_on(categories: int) -> None:
    kernel, bias = fit_linear(*cloud(categories, 1), categories)
    features, labels = cloud(categories, 2)

    predicted = (features @ kernel + bias).argmax(1)

    assert (kernel.shape, bias.shape) == ((SIZE, categories), (categories,))
    assert kernel.dtype == bias.dtype == np.float32
    assert (predicted == labels).mean() > 0.95


@pytest.mark.parametrize("categories", [2, 3])
def test_its_probabilities_are_scikit_learns_on_features_of_one_scale(categories: int) -> None:
    features, labels = cloud(categories, 1)
    scaled = (features - features.mean(0)) / (features.std(0) + 1e-3)
    theirs = LogisticRegression(C=STRENGTH / len(labels), max_iter=ITERATIONS).fit(scaled, labels)

    kernel, bias = fit_linear(features, labels, categories)

    np.testing.assert_allclose(softmax(features @ kernel + bias, 1.0), theirs.predict_proba(scaled), atol=1e-3)


def test_it_counts_on_every_category_as_often_as_it_was_shown() -> None:
    features, labels = cloud(2, 1)
    rare = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:12]])
    hardly = features[rare] * 0.0 + np.random.default_rng(0).normal(0, 1, (len(rare), SIZE)).astype(np.float32)

    kernel, bias = fit_linear(hardly, labels[rare], 2)

    assert softmax(hardly @ kernel + bias, 1.0).mean(0) == pytest.approx([120 / 132, 12 / 132], abs=0.01)


def test_training_all_of_a_backbone_is_told_in_minutes_beforehand() -> None:
    start = WarmStart(None, np.zeros((2, 3), np.float32), seconds=30)

    assert start.minutes(epochs=14) == pytest.approx(21)


# Features


@pytest.fixture
def means(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the network, which takes long to build, by the mean of each colour."""

    def build(_weights: Path | None, *, size: int, name: str) -> Any:
        import keras

        pixels = keras.Input((size, size, 3))
        return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels))

    monkeypatch.setattr(backbone, "build", build)


def noise(count: int, width: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, width, 3), dtype=np.uint8)


@pytest.mark.usefixtures("means")
@pytest.mark.parametrize("count", [0, 1, 2 * BATCH + 3])
def test_every_image_gets_its_own_row_also_in_the_last_batch(count: int) -> None:
    images = noise(count)

    features = compute_features(images, None)

    assert (features.shape, features.dtype) == ((count, 3), np.float32)
    np.testing.assert_allclose(features, images.mean((1, 2)), rtol=1e-4)


def test_images_that_are_not_square_are_refused() -> None:
    with pytest.raises(ValueError, match="are not square and in colour"):
        compute_features(noise(1, width=16), None)


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(BackboneMissing, match="tagger model backbone"):
        compute_features(noise(1), tmp_path / "none.npz")
