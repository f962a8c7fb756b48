"""The classifier: photographs -> categories with calibrated confidence and review flags. Needs no TensorFlow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from model import bundle as bundles
from model.bundle import Bundle, BundleCorrupt
from model.decide import DecisionRule, decide
from model.decisions.calibration import softmax
from model.decisions.ood import SERVED
from model.decisions.taxonomy import Taxonomy
from model.decisions.thresholds import AS_MADE, ReviewPolicy
from model.images.decoding import DEFAULT_LIMITS, DecodeLimits, decode
from model.images.memory import MemoryBudget
from model.images.preprocessing import preprocess
from model.runtimes import LiteRT, Outputs, Runtime, TensorFlow

RuntimeName = Literal["litert", "tensorflow"]
Images = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]

GOLDEN_TOLERANCE = 0.02
"""How far a score may differ from that of the machine that made the bundle: processors round int8 sums differently."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A category for one image, the shop's own where there is a taxonomy, and how probable it is.

    `scores` are calibrated probabilities float32[K] of the bundle's categories. The confidence is the highest of them,
    or with a taxonomy the sum of those that the category stands for.
    """

    category: str
    confidence: float
    scores: Scores
    ood_score: float | None
    needs_review: bool
    review_reason: str | None  # low_confidence, unlike_training, or coarse: the category is one above an unsure one


class Classifier:
    """A running bundle. `prepare` may be called from several threads, `scores` and `classify` from one at a time."""

    def __init__(self, bundle: Bundle, rule: DecisionRule, runtime: Runtime) -> None:
        self.bundle, self.rule = bundle, rule
        self._runtime = runtime
        self._budget = MemoryBudget()

    @classmethod
    def load(
        cls,
        source: Bundle | Path,
        runtime: RuntimeName = "litert",
        *,
        threads: int = 1,
        policy: ReviewPolicy = AS_MADE,
        taxonomy: Taxonomy | None = None,
        coarse: bool = False,
    ) -> "Classifier":
        """Start the runtime of a bundle, which is read if `source` is its folder, and run the golden images.

        `policy`, `taxonomy` and `coarse` are those of DecisionRule.of. Raises BundleError: see model.bundle.read and
        .thresholds; BundleCorrupt also when the golden images get other scores than recorded. Raises TaxonomyWrong.
        """
        bundle = source if isinstance(source, Bundle) else bundles.read(source)
        rule = DecisionRule.of(bundle, policy, taxonomy, coarse=coarse)
        try:
            classifier = cls(bundle, rule, _start(bundle.folder, runtime, threads))
        except (ValueError, RuntimeError, OSError) as error:
            raise BundleCorrupt(f"{runtime} cannot run bundle {bundle.folder} ({error}): {bundles.RETRAIN}") from error
        classifier._check_golden(runtime)
        return classifier

    def prepare(self, data: bytes, limits: DecodeLimits = DEFAULT_LIMITS) -> Images:
        """Turn a file's bytes into uint8[H, W, C] for the network. Raises ImageRejected."""
        spec = self.bundle.preprocessing
        with self._budget.lease() as reserve:
            return preprocess(decode(data, spec.hints, limits=limits, reserve=reserve), spec)

    def scores(self, images: Images) -> Scores:
        """Return calibrated probabilities float32[N, K] for uint8[N, H, W, C]."""
        return softmax(self._outputs(images).logits, self.bundle.temperature)

    def classify(self, images: Images) -> list[Prediction]:
        """Return a prediction for each of uint8[N, H, W, C]."""
        decisions = decide(self.rule, self._outputs(images))
        ood_scores = decisions.ood_scores.get(SERVED)
        return [
            Prediction(
                category=self.rule.mapping.names[decisions.choice.index[index]],
                confidence=float(decisions.confidence[index]),
                scores=scores,
                ood_score=None if ood_scores is None else float(ood_scores[index]),
                needs_review=bool(reason),
                review_reason=str(reason) or None,
            )
            for index, (scores, reason) in enumerate(zip(decisions.scores, decisions.reasons, strict=True))
        ]

    def _outputs(self, images: Images) -> Outputs:
        return Outputs.of(self._runtime.run(images), len(self.bundle.categories))

    def _check_golden(self, runtime: str) -> None:
        with np.load(self.bundle.folder / "golden.npz", allow_pickle=False) as golden:
            difference = float(np.abs(self.scores(golden["images"]) - golden[runtime]).max())
        if not difference <= GOLDEN_TOLERANCE:
            raise BundleCorrupt(
                f"bundle {self.bundle.folder}: {runtime} gives the golden images other scores than recorded"
                f" (by {difference:.3f}): {bundles.RETRAIN}"
            )


def _start(folder: Path, runtime: RuntimeName, threads: int) -> Runtime:
    if runtime == "tensorflow":
        return TensorFlow(folder / "model.keras", threads)
    return LiteRT(folder / "model.tflite", threads)
