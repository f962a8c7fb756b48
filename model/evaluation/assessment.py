"""The evaluation of a bundle, for `tagger model evaluate` and for the report inside a new bundle."""

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

Guarantee = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What was measured. `rule` has the thresholds that were used, `policy` says how they were chosen.

    `validation` is what the validation images guarantee of these thresholds (thresholds.promise), None where the bundle
    has not kept them. `here` is the same of the evaluation set, which had no part in choosing them.
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
    validation: Guarantee | None
    here: Guarantee
    speed: Speed

    @property
    def reference_accuracy(self) -> float:
        """The accuracy of TensorFlow; NaN where it did not run."""
        if not self.outputs.has_reference:
            return float("nan")
        return float(np.mean(self.outputs.reference.argmax(1) == self.evaluation_set.labels))

    @property
    def target(self) -> float | None:
        """The precision that the thresholds were chosen for; None if they were chosen for a review budget."""
        return self.policy.aim(self.bundle.target_precision)

    def as_json(self) -> dict[str, Any]:
        """Return the content of evaluation.json; null for what is not known."""
        compared = self.outputs.has_reference
        return {
            "model": self.bundle.id if self.bundle.version else self.bundle.name,
            "data": self.evaluation_set.title,
            **self.metrics.as_json(),
            "confusions": [self._confusion(confusion) for confusion in self.confusions],
            "target_precision": self.target,
            "review_budget": self.policy.review_budget,
            "guarantee": {"validation": self.validation, "here": self.here},
            "unlike_training": self.ood.as_json(),
            "agreement": round(self.outputs.agreement, 5) if compared else None,
            "accuracy_tensorflow": round(self.reference_accuracy, 4) if compared else None,
            "speed": self.speed.as_json(),
            "rejected": dict(self.evaluation_set.reasons),
            "left_out": list(self.evaluation_set.left_out),
        }

    def _confusion(self, confusion: Confusion) -> dict[str, Any]:
        return {
            "true": self.bundle.categories[confusion.true],
            "predicted": self.bundle.categories[confusion.predicted],
            "images": confusion.count,
            "share": round(confusion.share, 4),
            "surest": [self.evaluation_set.names[index] for index in confusion.indices],
        }


def evaluate_bundle(
    bundle: Bundle, evaluation_set: EvaluationSet, policy: ReviewPolicy = AS_MADE, *, reference: bool = True
) -> EvaluationResult:
    """Evaluate a sealed bundle, with TensorFlow too if `reference`.

    Raises BundleError where it cannot keep to `policy`.
    """
    rule = DecisionRule.of(bundle, policy)
    outputs = run(bundle.folder, evaluation_set.images, len(bundle.categories), reference=reference)
    return evaluate(bundle, rule, evaluation_set, outputs, bundles.validation_outcomes(bundle), policy)


def evaluate(
    bundle: Bundle,
    rule: DecisionRule,
    evaluation_set: EvaluationSet,
    outputs: Outputs,
    validation: ValidationOutcomes | None,
    policy: ReviewPolicy = AS_MADE,
) -> EvaluationResult:
    """Evaluate a bundle from its outputs on the labelled images, running it on the out-of-distribution ones.

    It need not be sealed: only the networks must be in its folder, the rest is passed in.
    """
    decisions, labels = decide(rule, outputs), evaluation_set.labels
    return EvaluationResult(
        bundle=bundle,
        rule=rule,
        policy=policy,
        evaluation_set=evaluation_set,
        outputs=outputs,
        decisions=decisions,
        metrics=labelled_metrics(bundle, rule, decisions, outputs, labels),
        confusions=tuple(worst_confusions(decisions.scores, labels)),
        ood=_ood_metrics(bundle, rule, evaluation_set, decisions),
        validation=_guarantee(validation, rule) if validation else None,
        here=_guarantee(ValidationOutcomes.of(decisions.scores, labels), rule),
        speed=speed.measure(bundle.folder, evaluation_set.images),
    )


def labelled_metrics(
    bundle: Bundle, rule: DecisionRule, decisions: Decisions, outputs: Outputs, labels: npt.NDArray[np.int64]
) -> Metrics:
    """Compute the metrics of images with labels int64[N]."""
    uncalibrated = softmax(outputs.logits)
    return compute(uncalibrated, decisions.scores, labels, rule.thresholds, bundle.categories, decisions.flagged)


def _ood_metrics(bundle: Bundle, rule: DecisionRule, evaluation_set: EvaluationSet, decisions: Decisions) -> OodMetrics:
    count = len(bundle.categories)
    outputs = [run(bundle.folder, source.images, count, reference=False) for source in evaluation_set.ood_sources]
    decided = [decide(rule, output) for output in outputs]
    return ood_metrics.measure(decisions, list(zip(evaluation_set.ood_sources, decided, strict=True)))


def _guarantee(outcomes: ValidationOutcomes, rule: DecisionRule) -> Guarantee:
    promised = promise(outcomes, rule.thresholds)
    return {
        "images": len(outcomes.correct),
        "passing": promised["images"],
        "coverage": promised["validation_coverage"],
        "precision": promised["validation_precision"],
        "precision_lower_bound": promised["precision_lower_bound"],
    }
