"""How far an image is from all that the training showed: for the flag `unlike_training`. Pure numpy.

Three scores that fail on different images are added up, each brought to mean 0 and deviation 1 on validation images:
the energy of the logits (Liu et al. 2020, arXiv:2010.03759), and the Mahalanobis distance to the nearest category of
the network's features as they are (Lee et al. 2018, arXiv:1807.03888) and of their directions (Müller and Hein 2025,
arXiv:2505.18032). What each is worth by itself: docs/research/experiments.md.
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
MANY = 512  # features that are too many to tell how they vary together
KEPT = 128  # numbers that they are brought to
ADDED = ("energy", "mahalanobis", "mahalanobis of directions")
SERVED = "combined"
"""The score of the bundles: the sum of ADDED."""


@dataclass(frozen=True, slots=True)
class Gaussians:
    """A normal distribution for each category, of one covariance: means float32[K, D], its inverse float32[D, D]."""

    means: Floats
    inverse: Floats

    @classmethod
    def fit(cls, features: Floats, labels: Labels) -> "Gaussians":
        """float32[N, D] and int64[N]; every category has to be among the labels."""
        means = np.stack([features[labels == kind].mean(0) for kind in range(labels.max() + 1)])
        spread = (features - means[labels]).astype(np.float64)
        covariance = spread.T @ spread / len(spread)
        size = len(covariance)
        inverse = np.linalg.inv(covariance + SHRINKAGE * np.trace(covariance) / size * np.eye(size))
        return cls(means.astype(np.float32), inverse.astype(np.float32))

    def distances(self, features: Floats) -> Floats:
        """float32[N, D] -> float32[N]: squared Mahalanobis distance to the nearest mean."""
        # (x - m)'A(x - m) = x'Ax - 2x'Am + m'Am, in double precision, as large numbers nearly cancel
        x, m = features.astype(np.float64), self.means.astype(np.float64)
        turned, turned_means = x @ self.inverse, m @ self.inverse
        squared = (turned * x).sum(1)[:, None] - 2 * turned @ m.T + (turned_means * m).sum(1)
        nearest: Floats = np.maximum(squared.min(1), 0).astype(np.float32)
        return nearest


def directions(features: Floats) -> Floats:
    """float32[N, D], each brought to length one."""
    turned: Floats = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    return turned


def principal(features: Floats) -> Floats:
    """float32[N, D] -> float32[D, KEPT]: the directions that they vary most along, as exact as float16 keeps them."""
    spread = (features - features.mean(0)).astype(np.float64)
    _, vectors = np.linalg.eigh(spread.T @ spread)
    basis: Floats = vectors[:, ::-1][:, :KEPT].astype(np.float16).astype(np.float32)
    return basis


@dataclass(frozen=True, slots=True)
class OodDetector:
    """What a bundle keeps to tell images unlike the training. `scales`: mean and deviation of each of ADDED.

    Where features are MANY, distances are taken along the KEPT directions in which the training's vary most, `basis`
    float32[D, KEPT], and that of directions decides alone: a fine-tuned backbone's energy and lengths say little
    (docs/research/experiments.md).
    """

    temperature: float
    as_they_are: Gaussians
    of_length_one: Gaussians
    scales: Floats
    basis: Floats | None = None

    @classmethod
    def fit(
        cls, features: Floats, labels: Labels, validation: tuple[Floats, Floats], temperature: float
    ) -> "OodDetector":
        """The training's features float32[N, D] and labels, and the logits and features of validation images."""
        unscaled = np.tile(np.array([[0.0, 1.0]], np.float32), (len(ADDED), 1))
        basis = principal(features) if features.shape[1] > MANY else None
        fewer = features if basis is None else features @ basis
        parts = Gaussians.fit(fewer, labels), Gaussians.fit(directions(fewer), labels)
        raw = cls(temperature, *parts, unscaled, basis)._raw(*validation)
        scales = np.array([[raw[name].mean(), raw[name].std()] for name in ADDED], np.float32)
        return cls(temperature, *parts, scales, basis)

    @classmethod
    def read(cls, path: Path) -> "OodDetector":
        with np.load(path, allow_pickle=False) as kept:
            as_they_are = Gaussians(kept["means"], kept["inverse"])
            of_length_one = Gaussians(kept["means_of_directions"], kept["inverse_of_directions"])
            basis = kept["basis"].astype(np.float32) if "basis" in kept else None
            return cls(float(kept["temperature"]), as_they_are, of_length_one, kept["scales"], basis)

    def write(self, path: Path) -> None:
        basis: dict[str, Any] = {} if self.basis is None else {"basis": self.basis.astype(np.float16)}
        np.savez_compressed(
            path,
            **basis,
            temperature=self.temperature,
            means=self.as_they_are.means,
            inverse=self.as_they_are.inverse,
            means_of_directions=self.of_length_one.means,
            inverse_of_directions=self.of_length_one.inverse,
            scales=self.scales,
        )

    def scores(self, logits: Floats, features: Floats) -> Mapping[str, Floats]:
        """float32[N, K] and float32[N, D] -> every score by its name, float32[N] each, higher for stranger images."""
        raw = self._raw(logits, features)
        added = ADDED if self.basis is None else ADDED[-1:]
        scaled = {name: (raw[name] - mean) / sd for name, (mean, sd) in zip(ADDED, self.scales, strict=True)}
        return {**raw, SERVED: sum(scaled[name] for name in added)}

    def served(self, logits: Floats, features: Floats) -> Floats:
        """The score that decides."""
        return self.scores(logits, features)[SERVED]

    def _raw(self, logits: Floats, features: Floats) -> dict[str, Floats]:
        """Distances as logarithms, so that none drowns the others when they are added."""
        features = features if self.basis is None else features @ self.basis
        return {
            **logit_scores(logits, self.temperature),
            "mahalanobis": np.log1p(self.as_they_are.distances(features)),
            "mahalanobis of directions": np.log1p(self.of_length_one.distances(directions(features))),
        }


def logit_scores(logits: Floats, temperature: float) -> dict[str, Floats]:
    """The scores that need nothing but float32[N, K], for bundles that keep no OodDetector."""
    scaled = logits / temperature
    top = scaled.max(1, keepdims=True)
    powers = np.exp(scaled - top)
    return {
        "maximum softmax": -powers.max(1) / powers.sum(1),
        "energy": -(top[:, 0] + np.log(powers.sum(1))),
    }
