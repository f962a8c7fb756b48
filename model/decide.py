"""What would be tagged, and what a person would see: the one place that decides it, for tagging and for reports."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.bundle import Bundle
from model.decisions.calibration import softmax
from model.decisions.category_mapping import Choice, Placement
from model.decisions.ood import SERVED, Novelty, of_logits
from model.runtimes import Outputs

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """On N images: calibrated scores float32[N, K] of the bundle's categories, the scores of being unlike the training
    by their names, float[N] each, and why a person would look, "" where none would: str[N].

    `choice` is what each would be tagged with, of the placement's names; without a taxonomy, the bundle's categories.
    """

    scores: Floats
    strangeness: Mapping[str, Floats]
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


def judge(
    bundle: Bundle,
    novelty: Novelty | None,
    outputs: Outputs,
    placement: Placement | None = None,
    *,
    coarse: bool = False,
) -> Verdicts:
    """By the bundle's temperature, thresholds and limit of novelty; `placement` leads to the shop's own categories.

    Unlike anything seen says more than unsure: of such an image the confidence means nothing. With `coarse`, an image
    that is only unsure is tagged with the nearest category above that is sure, if there is one; a person still looks.
    """
    scores = softmax(outputs.logits, bundle.temperature)
    strangeness = _strangeness(bundle, novelty, outputs)
    placement = placement or Placement.as_is(bundle.categories)
    choice = placement.choose(scores, bundle.thresholds)
    unsure = choice.confidence < choice.threshold
    strange = np.zeros(len(scores), bool)
    if SERVED in strangeness and bundle.ood:
        strange = strangeness[SERVED] > bundle.ood["threshold"]
    general = np.zeros(len(scores), bool)
    if coarse:
        above = placement.coarser(scores, choice, bundle.thresholds)
        general = unsure & ~strange & (above.at >= 0)
        choice = choice.but(general, above)
    reasons = np.select([strange, general, unsure], ["unlike_training", "coarse", "low_confidence"], "")
    return Verdicts(scores, strangeness, reasons, choice)


def _strangeness(bundle: Bundle, novelty: Novelty | None, outputs: Outputs) -> Mapping[str, Floats]:
    if novelty is None:
        return of_logits(outputs.logits, bundle.temperature)
    return novelty.scores(outputs.logits, outputs.features)
