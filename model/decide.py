"""What would be tagged, and what a person would see: the one place that decides it, for tagging and for reports."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.bundle import Bundle
from model.decisions.calibration import softmax
from model.decisions.category_mapping import CategoryMapping, Choice
from model.decisions.ood import SERVED, OodDetector, logit_scores
from model.runtimes import Outputs

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Decisions:
    """On N images: calibrated scores float32[N, K] of the bundle's categories, the scores of being unlike the training
    by their names, float[N] each, and why a person would look, "" where none would: str[N].

    `choice` is what each would be tagged with, of the mapping's names; without a taxonomy, the bundle's categories.
    """

    scores: Floats
    ood_scores: Mapping[str, Floats]
    reasons: npt.NDArray[np.str_]
    choice: Choice

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """Of the bundle's categories."""
        best: npt.NDArray[np.int64] = self.scores.argmax(1)
        return best

    @property
    def confidence(self) -> Floats:
        """That the tag is right."""
        return self.choice.confidence

    @property
    def reviewed(self) -> npt.NDArray[np.bool_]:
        reviewed: npt.NDArray[np.bool_] = self.reasons != ""
        return reviewed

    @property
    def flagged(self) -> npt.NDArray[np.bool_]:
        """As unlike anything in training."""
        flagged: npt.NDArray[np.bool_] = self.reasons == "unlike_training"
        return flagged


def decide(
    bundle: Bundle,
    detector: OodDetector | None,
    outputs: Outputs,
    mapping: CategoryMapping | None = None,
    *,
    coarse: bool = False,
) -> Decisions:
    """By the bundle's temperature, thresholds and OOD limit; `mapping` leads to the shop's own categories.

    Unlike anything seen says more than unsure: of such an image the confidence means nothing. With `coarse`, an image
    that is only unsure is tagged with the nearest category above that is sure, if there is one; a person still looks.
    """
    scores = softmax(outputs.logits, bundle.temperature)
    ood_scores = _ood_scores(bundle, detector, outputs)
    mapping = mapping or CategoryMapping.identity(bundle.categories)
    choice = mapping.choose(scores, bundle.thresholds)
    unsure = choice.confidence < choice.threshold
    strange = np.zeros(len(scores), bool)
    if SERVED in ood_scores and bundle.ood:
        strange = ood_scores[SERVED] > bundle.ood["threshold"]
    general = np.zeros(len(scores), bool)
    if coarse:
        above = mapping.coarser(scores, choice, bundle.thresholds)
        general = unsure & ~strange & (above.index >= 0)
        choice = choice.where(general, above)
    reasons = np.select([strange, general, unsure], ["unlike_training", "coarse", "low_confidence"], "")
    return Decisions(scores, ood_scores, reasons, choice)


def _ood_scores(bundle: Bundle, detector: OodDetector | None, outputs: Outputs) -> Mapping[str, Floats]:
    if detector is None:
        return logit_scores(outputs.logits, bundle.temperature)
    return detector.scores(outputs.logits, outputs.features)
