"""Photographs -> categories with calibrated confidence, and whether a person should look. Needs no TensorFlow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from model import bundle as bundles
from model.budget import PixelBudget
from model.bundle import Bundle, BundleCorrupt
from model.calibration import softmax
from model.decoding import DEFAULT_LIMITS, DecodeLimits, decode
from model.policy import AS_MADE, ReviewPolicy
from model.preprocessing import prepare
from model.runtimes import LiteRT, Runtime, TensorFlow

RuntimeName = Literal["litert", "tensorflow"]
Images = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]

GOLDEN_TOLERANCE = 0.02
"""Of a score, between this machine and the one that made the bundle: processors round int8 sums differently."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One image's category. `scores` are calibrated probabilities float32[K]; `confidence` is the highest of them."""

    category: str
    confidence: float
    scores: Scores
    ood_score: float | None
    needs_review: bool
    review_reason: str | None  # low_confidence or unlike_training


class Classifier:
    """A bundle, running. `prepare` may be called from several threads, `scores` and `classify` from one at a time."""

    def __init__(self, bundle: Bundle, runtime: Runtime, thresholds: tuple[float, ...]) -> None:
        self.bundle = bundle
        self.thresholds = thresholds
        self._runtime = runtime
        self._budget = PixelBudget()
        self._novelty = bundles.novelty(bundle)

    @classmethod
    def load(
        cls, folder: Path, runtime: RuntimeName = "litert", *, threads: int = 1, policy: ReviewPolicy = AS_MADE
    ) -> "Classifier":
        """Read the bundle, start the runtime and let it answer the golden images, which warms it up, too.

        Raises BundleError: see model.bundle.read and .thresholds; BundleCorrupt also when the golden images get other
        scores.
        """
        bundle = bundles.read(folder)
        thresholds = bundles.thresholds(bundle, policy)
        try:
            classifier = cls(bundle, start(folder, runtime, threads), thresholds)
        except (ValueError, RuntimeError, OSError) as error:
            raise BundleCorrupt(f"{runtime} cannot run bundle {folder} ({error}): {bundles.RETRAIN}") from error
        classifier._check_golden(runtime)
        return classifier

    def prepare(self, data: bytes, limits: DecodeLimits = DEFAULT_LIMITS) -> Images:
        """A file's bytes -> uint8[H, W, C] for the network. Raises ImageRejected."""
        spec = self.bundle.preprocessing
        with self._budget.lease() as reserve:
            image = decode(data, limits=limits, min_edge=spec.min_edge, grey=spec.grey, reserve=reserve)
            return prepare(image, spec)

    def scores(self, images: Images) -> Scores:
        """uint8[N, H, W, C] -> calibrated probabilities float32[N, K]."""
        return softmax(self._asked(images)[0], self.bundle.temperature)

    def classify(self, images: Images) -> list[Prediction]:
        """uint8[N, H, W, C] -> a prediction each."""
        logits, features = self._asked(images)
        rows = softmax(logits, self.bundle.temperature)
        strange = self._novelty_of(logits, features)
        return [self._prediction(row, score) for row, score in zip(rows, strange, strict=True)]

    def _asked(self, images: Images) -> tuple[Scores, Scores]:
        """Logits float32[N, K] and features float32[N, D]."""
        answers, count = self._runtime.answers(images), len(self.bundle.categories)
        return answers[:, :count], answers[:, count:]

    def _novelty_of(self, logits: Scores, features: Scores) -> list[float | None]:
        if self._novelty is None:
            return [None] * len(logits)
        return [float(each) for each in self._novelty.served(logits, features)]

    def _prediction(self, scores: Scores, ood_score: float | None) -> Prediction:
        best = int(scores.argmax())
        reason = self._reason(float(scores[best]), self.thresholds[best], ood_score)
        category = self.bundle.categories[best]
        return Prediction(category, float(scores[best]), scores, ood_score, reason is not None, reason)

    def _reason(self, confidence: float, threshold: float, ood_score: float | None) -> str | None:
        """Unlike anything seen says more than unsure: of such an image the confidence means nothing."""
        if ood_score is not None and self.bundle.ood and ood_score > self.bundle.ood["threshold"]:
            return "unlike_training"
        return "low_confidence" if confidence < threshold else None

    def _check_golden(self, runtime: str) -> None:
        with np.load(self.bundle.folder / "golden.npz", allow_pickle=False) as golden:
            difference = float(np.abs(self.scores(golden["images"]) - golden[runtime]).max())
        if not difference <= GOLDEN_TOLERANCE:
            raise BundleCorrupt(
                f"bundle {self.bundle.folder}: {runtime} gives the golden images other scores than recorded"
                f" (by {difference:.3f}): {bundles.RETRAIN}"
            )


def start(folder: Path, runtime: RuntimeName, threads: int) -> Runtime:
    """The bundle's network in a runtime."""
    if runtime == "tensorflow":
        return TensorFlow(folder / "model.keras", threads)
    return LiteRT(folder / "model.tflite", threads)
