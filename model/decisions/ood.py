"""Out-of-distribution detection: how far an image is from all training images, for `unlike_training`. Pure numpy.

Three scores that fail on different images are added up, each brought to mean 0 and deviation 1 on validation images:
the energy of the logits (Liu et al. 2020, arXiv:2010.03759), and the Mahalanobis distance to the nearest category of
the network's features as they are (Lee et al. 2018, arXiv:1807.03888) and of their directions (Müller and Hein 2025,
arXiv:2505.18032). docs/research/experiments.md says what each is worth by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

SHRINKAGE = 0.01  # of the mean variance, added to each: some features hardly vary
MANY = 512  # features: with more, their covariance cannot be estimated
KEPT = 128  # directions that so many features are reduced to
ADDED = ("energy", "mahalanobis", "mahalanobis of directions")
SERVED = "combined"  # the score of the bundles: the sum of ADDED


@dataclass(frozen=True, slots=True)
class Gaussians:
    """Normal distributions, one a category, that share a covariance: means float32[K, D], inverse float32[D, D]."""

    means: Floats
    inverse: Floats

    @classmethod
    def fit(cls, features: Floats, labels: Labels) -> "Gaussians":
        """Fit them to features float32[N, D] with labels int64[N], among which every category has to be."""
        means = np.stack([features[labels == label].mean(0) for label in range(labels.max() + 1)])
        spread = (features - means[labels]).astype(np.float64)
        covariance = spread.T @ spread / len(spread)
        size = len(covariance)
        inverse = np.linalg.inv(covariance + SHRINKAGE * np.trace(covariance) / size * np.eye(size))
        return cls(means.astype(np.float32), inverse.astype(np.float32))

    def distances(self, features: Floats) -> Floats:
        """Return the squared Mahalanobis distances to the nearest mean, float32[N], of features float32[N, D]."""
        # (x - m)'A(x - m) = x'Ax - 2x'Am + m'Am, in double precision, as large numbers nearly cancel
        x, m = features.astype(np.float64), self.means.astype(np.float64)
        turned, turned_means = x @ self.inverse, m @ self.inverse
        squared = (turned * x).sum(1)[:, None] - 2 * turned @ m.T + (turned_means * m).sum(1)
        return np.asarray(np.maximum(squared.min(1), 0), np.float32)


def directions(features: Floats) -> Floats:
    """Scale each of float32[N, D] to length one."""
    scaled: Floats = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    return scaled


def principal(features: Floats) -> Floats:
    """Return the directions float32[D, KEPT] along which float32[N, D] vary most, as exact as float16 keeps them."""
    spread = (features - features.mean(0)).astype(np.float64)
    _, vectors = np.linalg.eigh(spread.T @ spread)
    return vectors[:, ::-1][:, :KEPT].astype(np.float16).astype(np.float32)


@dataclass(frozen=True, slots=True)
class OodDetector:
    """The detector that a bundle keeps. `scales` holds the mean and deviation of each of ADDED on validation images.

    With more than MANY features, distances are taken along the KEPT directions in which the training's vary most
    (`basis`, float32[D, KEPT]), and that of directions decides alone: a fine-tuned backbone's energy and lengths say
    little (docs/research/experiments.md).
    """

    temperature: float
    features: Gaussians
    directions: Gaussians
    scales: Floats
    basis: Floats | None = None

    @classmethod
    def fit(
        cls, features: Floats, labels: Labels, validation: tuple[Floats, Floats], temperature: float
    ) -> "OodDetector":
        """Fit it to the training's features float32[N, D] and labels, and to the logits and features of validation."""
        unscaled = np.tile(np.array([[0.0, 1.0]], np.float32), (len(ADDED), 1))
        basis = principal(features) if features.shape[1] > MANY else None
        fewer = features if basis is None else features @ basis
        parts = Gaussians.fit(fewer, labels), Gaussians.fit(directions(fewer), labels)
        raw = cls(temperature, *parts, unscaled, basis)._raw(*validation)
        scales = np.array([[raw[name].mean(), raw[name].std()] for name in ADDED], np.float32)
        return cls(temperature, *parts, scales, basis)

    @classmethod
    def read(cls, path: Path) -> "OodDetector":
        with np.load(path, allow_pickle=False) as arrays:
            features = Gaussians(arrays["means"], arrays["inverse"])
            directions = Gaussians(arrays["means_of_directions"], arrays["inverse_of_directions"])
            basis = arrays["basis"].astype(np.float32) if "basis" in arrays else None
            return cls(float(arrays["temperature"]), features, directions, arrays["scales"], basis)

    def write(self, path: Path) -> None:
        basis: dict[str, Any] = {} if self.basis is None else {"basis": self.basis.astype(np.float16)}
        np.savez_compressed(
            path,
            **basis,
            temperature=self.temperature,
            means=self.features.means,
            inverse=self.features.inverse,
            means_of_directions=self.directions.means,
            inverse_of_directions=self.directions.inverse,
            scales=self.scales,
        )

    def scores(self, logits: Floats, features: Floats) -> Mapping[str, Floats]:
        """Score logits float32[N, K] and features float32[N, D]: float32[N] by name, higher for what is more unlike."""
        raw = self._raw(logits, features)
        added = ADDED if self.basis is None else ADDED[-1:]
        scaled = {name: (raw[name] - mean) / sd for name, (mean, sd) in zip(ADDED, self.scales, strict=True)}
        return {**raw, SERVED: sum(scaled[name] for name in added)}

    def served(self, logits: Floats, features: Floats) -> Floats:
        """Return the score that decides."""
        return self.scores(logits, features)[SERVED]

    def _raw(self, logits: Floats, features: Floats) -> dict[str, Floats]:
        """Take distances as logarithms, so that none drowns the others when they are added."""
        features = features if self.basis is None else features @ self.basis
        return {
            **logit_scores(logits, self.temperature),
            "mahalanobis": np.log1p(self.features.distances(features)),
            "mahalanobis of directions": np.log1p(self.directions.distances(directions(features))),
        }


def logit_scores(logits: Floats, temperature: float) -> dict[str, Floats]:
    """Return the scores that need nothing but float32[N, K], for bundles without an OodDetector."""
    scaled = logits / temperature
    top = scaled.max(1, keepdims=True)
    powers = np.exp(scaled - top)
    return {"maximum softmax": -powers.max(1) / powers.sum(1), "energy": -(top[:, 0] + np.log(powers.sum(1)))}
