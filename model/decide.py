"""Decisions: what an image is tagged with, and why a person reviews it. Tagging and reports both decide here."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model import bundle as bundles
from model.bundle import Bundle
from model.decisions.calibration import softmax
from model.decisions.category_mapping import CategoryMapping, Choice
from model.decisions.ood import SERVED, OodDetector, logit_scores
from model.decisions.taxonomy import Taxonomy
from model.decisions.thresholds import AS_MADE, ReviewPolicy
from model.runtimes import Outputs

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """How outputs become decisions. `thresholds` holds one confidence for each of the bundle's categories.

    `mapping` leads to the shop's own categories, or to the bundle's. With `coarse`, an image that is only unsure is
    tagged with the nearest category above that is sure, if there is one; it is reviewed all the same.
    """

    temperature: float
    thresholds: tuple[float, ...]
    ood: OodDetector | None
    ood_threshold: float | None
    mapping: CategoryMapping
    coarse: bool = False

    @classmethod
    def of(
        cls, bundle: Bundle, policy: ReviewPolicy = AS_MADE, taxonomy: Taxonomy | None = None, *, coarse: bool = False
    ) -> "DecisionRule":
        """Read the rule that a bundle was sealed with, its thresholds chosen anew if the policy says so.

        Raises BundleError if they cannot be (model.bundle.thresholds), and TaxonomyWrong if nothing in the taxonomy
        stands for one of the bundle's categories.
        """
        names = bundle.categories
        return cls(
            temperature=bundle.temperature,
            thresholds=bundles.thresholds(bundle, policy),
            ood=bundles.ood_detector(bundle),
            ood_threshold=bundle.ood["threshold"] if bundle.ood else None,
            mapping=CategoryMapping.from_taxonomy(taxonomy, names) if taxonomy else CategoryMapping.identity(names),
            coarse=coarse,
        )


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions on N images: `scores`, calibrated probabilities float32[N, K] of the bundle's categories; `ood_scores`
    by name, float[N] each; `reasons` for a review, str[N], "" where none is needed; and `choice`, the tags.
    """

    scores: Floats
    ood_scores: Mapping[str, Floats]
    reasons: npt.NDArray[np.str_]
    choice: Choice

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """Indices of the bundle's categories, int64[N]."""
        return np.asarray(self.scores.argmax(1))

    @property
    def confidence(self) -> Floats:
        """The probability that the tag is right, float32[N]."""
        return self.choice.confidence

    @property
    def reviewed(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.reasons != "")

    @property
    def flagged(self) -> npt.NDArray[np.bool_]:
        """Whether each image is out of distribution, bool[N]."""
        return np.asarray(self.reasons == "unlike_training")


def decide(rule: DecisionRule, outputs: Outputs) -> Decisions:
    """Apply the rule to the network's outputs.

    Being out of distribution goes before being unsure: the confidence of such an image means nothing.
    """
    logits = outputs.logits
    scores = softmax(logits, rule.temperature)
    ood_scores = rule.ood.scores(logits, outputs.features) if rule.ood else logit_scores(logits, rule.temperature)
    choice = rule.mapping.choose(scores, rule.thresholds)
    unsure = choice.confidence < choice.threshold
    unlike, general = np.zeros(len(scores), bool), np.zeros(len(scores), bool)
    if rule.ood is not None and rule.ood_threshold is not None:
        unlike = ood_scores[SERVED] > rule.ood_threshold
    if rule.coarse:
        above = rule.mapping.coarser(scores, choice, rule.thresholds)
        general = unsure & ~unlike & (above.index >= 0)
        choice = choice.where(general, above)
    reasons = np.select([unlike, general, unsure], ["unlike_training", "coarse", "low_confidence"], "")
    return Decisions(scores, ood_scores, reasons, choice)
