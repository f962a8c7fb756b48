"""What would be tagged, and what a person would see: the one place that decides it, for tagging and for reports."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.answers import Answers
from model.bundle import Bundle
from model.calibration import softmax
from model.novelty import SERVED, Novelty, of_logits

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """On N images: calibrated scores float32[N, K], the scores of being unlike the training by their names, float[N]
    each, and why a person would look, "" where none would: str[N].
    """

    scores: Floats
    strangeness: Mapping[str, Floats]
    reasons: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        best: npt.NDArray[np.int64] = self.scores.argmax(1)
        return best

    @property
    def confidence(self) -> Floats:
        highest: Floats = self.scores.max(1)
        return highest

    @property
    def reviewed(self) -> npt.NDArray[np.bool_]:
        reviewed: npt.NDArray[np.bool_] = self.reasons != ""
        return reviewed

    @property
    def flagged(self) -> npt.NDArray[np.bool_]:
        """As unlike anything in training."""
        flagged: npt.NDArray[np.bool_] = self.reasons == "unlike_training"
        return flagged


def judge(bundle: Bundle, novelty: Novelty | None, answers: Answers) -> Verdicts:
    """By the bundle's temperature, thresholds and limit of novelty.

    Unlike anything seen says more than unsure: of such an image the confidence means nothing.
    """
    scores = softmax(answers.logits, bundle.temperature)
    strangeness = _strangeness(bundle, novelty, answers)
    unsure = scores.max(1) < np.asarray(bundle.thresholds)[scores.argmax(1)]
    strange = np.zeros(len(scores), bool)
    if SERVED in strangeness and bundle.ood:
        strange = strangeness[SERVED] > bundle.ood["threshold"]
    return Verdicts(scores, strangeness, np.select([strange, unsure], ["unlike_training", "low_confidence"], ""))


def _strangeness(bundle: Bundle, novelty: Novelty | None, answers: Answers) -> Mapping[str, Floats]:
    if novelty is None:
        return of_logits(answers.logits, bundle.temperature)
    return novelty.scores(answers.logits, answers.features)
