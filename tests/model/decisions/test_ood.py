"""Scores for images unlike the training: on clouds of features made up here, with logits that follow from them."""

from pathlib import Path

import numpy as np
import pytest

from model.decisions.ood import ADDED, KEPT, SERVED, Gaussians, OodDetector, directions
from model.evaluation.ood_metrics import auroc

CATEGORIES, SIZE = 4, 12
CENTRES = np.random.default_rng(9).normal(0, 4, (CATEGORIES, SIZE)).astype(np.float32)


def cloud(images: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, features and labels of images of the training's kind."""
    random = np.random.default_rng(seed)
    labels = np.arange(images) % CATEGORIES
    features = (CENTRES[labels] + random.normal(0, 1, (images, SIZE))).astype(np.float32)
    return logits_of(features), features, labels


def logits_of(features: np.ndarray) -> np.ndarray:
    return features @ CENTRES.T / 8


@pytest.fixture(scope="module")
def detector() -> OodDetector:
    _, features, labels = cloud(4_000, 1)
    return OodDetector.fit(features, labels, cloud(1_000, 2)[:2], 1.0)


def elsewhere(images: int, scale: float, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, (images, SIZE)).astype(np.float32)


def test_the_distance_is_mahalanobis_to_the_nearest_category() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(5_000) % 2
    spread = random.normal(0, 1, (5_000, 2)) * [1.0, 3.0]
    features = (np.array([[0.0, 0.0], [10.0, 0.0]])[labels] + spread).astype(np.float32)

    distances = Gaussians.fit(features, labels).distances(np.array([[2.0, 0.0], [10.0, 6.0]], np.float32))

    np.testing.assert_allclose(distances, [4.0, 4.0], rtol=0.15)


@pytest.mark.parametrize("scale", [1.0, 4.0, 20.0], ids=["faint", "as strong", "glaring"])
def test_features_from_elsewhere_score_higher_whatever_their_strength(detector: OodDetector, scale: float) -> None:
    logits, features, _ = cloud(1_000, 3)
    unlike = elsewhere(500, scale)

    inside, outside = detector.served(logits, features), detector.served(logits_of(unlike), unlike)

    assert auroc(inside, outside) > 0.97


def test_the_sum_weighs_its_parts_alike_on_validation(detector: OodDetector) -> None:
    scores = detector.scores(*cloud(1_000, 2)[:2])

    assert scores[SERVED].mean() == pytest.approx(0, abs=1e-3)
    assert set(ADDED) < set(scores)


def test_a_detector_comes_back_from_its_file(detector: OodDetector, tmp_path: Path) -> None:
    logits, features, _ = cloud(50, 4)

    detector.write(tmp_path / "novelty.npz")
    back = OodDetector.read(tmp_path / "novelty.npz")

    np.testing.assert_array_equal(back.served(logits, features), detector.served(logits, features))


def test_directions_are_of_length_one_and_nothing_stays_nothing() -> None:
    lengths = np.linalg.norm(directions(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)), axis=1)

    np.testing.assert_allclose(lengths, [1.0, 0.0])


MANY_FEATURES = np.random.default_rng(8).normal(0, 1, (SIZE, 600)).astype(np.float32)


def wide_cloud(images: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `cloud`, with 600 features that vary along few directions, as those of a backbone do."""
    logits, features, labels = cloud(images, seed)
    noise = np.random.default_rng(seed).normal(0, 0.1, (images, 600))
    return logits, (features @ MANY_FEATURES + noise).astype(np.float32), labels


@pytest.fixture(scope="module")
def wide() -> OodDetector:
    _, features, labels = wide_cloud(1_000, 1)
    return OodDetector.fit(features, labels, wide_cloud(300, 2)[:2], 1.0)


def test_many_features_are_brought_to_the_directions_they_vary_most_along(wide: OodDetector) -> None:
    assert wide.basis is not None
    assert wide.basis.shape == (600, KEPT)
    assert wide.features.inverse.shape == (KEPT, KEPT)
    np.testing.assert_allclose(wide.basis.T @ wide.basis, np.eye(KEPT), atol=1e-2)
    along = MANY_FEATURES @ wide.basis
    np.testing.assert_allclose(np.linalg.norm(along, axis=1), np.linalg.norm(MANY_FEATURES, axis=1), rtol=1e-2)


def test_of_many_features_directions_from_elsewhere_score_higher(wide: OodDetector) -> None:
    logits, features, _ = wide_cloud(400, 3)
    unlike = (elsewhere(400, 4.0) @ MANY_FEATURES).astype(np.float32)

    inside, outside = wide.served(logits, features), wide.served(logits[:400], unlike)

    assert auroc(inside, outside) > 0.97


def test_a_detector_of_many_features_comes_back_from_its_file_to_the_bit(wide: OodDetector, tmp_path: Path) -> None:
    logits, features, _ = wide_cloud(50, 4)

    wide.write(tmp_path / "novelty.npz")
    back = OodDetector.read(tmp_path / "novelty.npz")

    for name, scores in wide.scores(logits, features).items():
        np.testing.assert_array_equal(back.scores(logits, features)[name], scores)
    assert (tmp_path / "novelty.npz").stat().st_size < 500_000
