"""A bundle measured on an evaluation set, for `tagger model evaluate` and for the report inside a new bundle."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model import bundle as bundles
from model.bundle import Bundle
from model.decide import DecisionRule, Decisions, decide
from model.decisions.calibration import softmax
from model.decisions.thresholds import AS_MADE, ReviewPolicy, ValidationOutcomes, promise
from model.evaluation import ood_metrics, speed
from model.evaluation.evaluation_sets import EvaluationSet
from model.evaluation.metrics import Confusion, Metrics, compute, worst_confusions
from model.evaluation.ood_metrics import OodMetrics
from model.evaluation.speed import Speed
from model.runtimes import Outputs, run


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What was measured. `rule` has the thresholds that were used, `policy` says how they were chosen.

    `promised` is what validation says of these (thresholds.promise), None where the bundle kept none of it; `seen` is
    the same of the evaluation set, which had no part in choosing them.
    """

    bundle: Bundle
    rule: DecisionRule
    policy: ReviewPolicy
    evaluation_set: EvaluationSet
    outputs: Outputs
    decisions: Decisions
    metrics: Metrics
    confusions: tuple[Confusion, ...]
    ood: OodMetrics
    promised: Mapping[str, Any] | None
    seen: Mapping[str, Any]
    speed: Speed

    @property
    def reference_accuracy(self) -> float:
        """TensorFlow's; NaN where it was not asked."""
        if not self.outputs.has_reference:
            return float("nan")
        return float(np.mean(self.outputs.reference.argmax(1) == self.evaluation_set.labels))

    @property
    def target(self) -> float | None:
        """The precision that the thresholds were chosen for; None if for a number of reviews."""
        return self.policy.aim(self.bundle.target_precision)

    def as_json(self) -> dict[str, Any]:
        """The keys of Evaluation.as_json, and all else; null for what is not known."""
        asked = self.outputs.has_reference
        return {
            "model": self.bundle.id if self.bundle.version else self.bundle.name,
            "data": self.evaluation_set.title,
            **self.metrics.as_json(),
            "confusions": [self._confusion(each) for each in self.confusions],
            "target_precision": self.target,
            "review_budget": self.policy.review_budget,
            "guarantee": {"validation": self.promised, "here": self.seen},
            "unlike_training": self.ood.as_json(),
            "agreement": round(self.outputs.agreement, 5) if asked else None,
            "accuracy_tensorflow": round(self.reference_accuracy, 4) if asked else None,
            "speed": self.speed.as_json(),
            "rejected": dict(self.evaluation_set.reasons),
            "left_out": list(self.evaluation_set.left_out),
        }

    def _confusion(self, each: Confusion) -> dict[str, Any]:
        return {
            "true": self.bundle.categories[each.true],
            "predicted": self.bundle.categories[each.predicted],
            "images": each.count,
            "share": round(each.share, 4),
            "surest": [self.evaluation_set.names[at] for at in each.indices],
        }


def evaluate(
    bundle: Bundle,
    rule: DecisionRule,
    evaluation_set: EvaluationSet,
    outputs: Outputs,
    validation: ValidationOutcomes | None,
    policy: ReviewPolicy = AS_MADE,
) -> EvaluationResult:
    """From the outputs on the labelled images; the ood_sources are asked here.

    The bundle need not be sealed yet: its networks have to lie in its folder, what else belongs to it is handed over.
    """
    decisions = decide(rule, outputs)
    count = len(bundle.categories)
    ood_sources = [
        (each, run(bundle.folder, each.images, count, reference=False)) for each in evaluation_set.ood_sources
    ]
    judged = [(each, decide(rule, found)) for each, found in ood_sources]
    outcome = ValidationOutcomes.of(decisions.scores, evaluation_set.labels)
    return EvaluationResult(
        bundle=bundle,
        rule=rule,
        policy=policy,
        evaluation_set=evaluation_set,
        outputs=outputs,
        decisions=decisions,
        metrics=labelled_metrics(bundle, rule, decisions, outputs, evaluation_set.labels),
        confusions=tuple(worst_confusions(decisions.scores, evaluation_set.labels)),
        ood=ood_metrics.measure(decisions, judged),
        promised=_promise(validation, rule) if validation else None,
        seen=_promise(outcome, rule),
        speed=speed.measure(bundle.folder, evaluation_set.images),
    )


def evaluate_bundle(
    bundle: Bundle, evaluation_set: EvaluationSet, policy: ReviewPolicy = AS_MADE, *, reference: bool = True
) -> EvaluationResult:
    """A sealed bundle's, asking TensorFlow too if `reference`. Raises BundleError when the policy cannot be kept."""
    rule = DecisionRule.of(bundle, policy)
    outputs = run(bundle.folder, evaluation_set.images, len(bundle.categories), reference=reference)
    return evaluate(bundle, rule, evaluation_set, outputs, bundles.validation_outcomes(bundle), policy)


def labelled_metrics(
    bundle: Bundle, rule: DecisionRule, decisions: Decisions, outputs: Outputs, labels: npt.NDArray[np.int64]
) -> Metrics:
    """Of labelled images, whose labels are int64[N]."""
    return compute(
        softmax(outputs.logits), decisions.scores, labels, rule.thresholds, bundle.categories, decisions.flagged
    )


def _promise(outcome: ValidationOutcomes, rule: DecisionRule) -> dict[str, Any]:
    told = promise(outcome, rule.thresholds)
    return {
        "images": len(outcome.correct),
        "passing": told["images"],
        "coverage": told["validation_coverage"],
        "precision": told["validation_precision"],
        "precision_lower_bound": told["precision_lower_bound"],
    }
