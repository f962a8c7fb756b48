"""A bundle measured on a sample: all that a report tells. The command and the making of a bundle both use it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from model import bundle as bundles
from model.answers import Answers, ask
from model.bundle import Bundle
from model.decide import Verdicts, judge
from model.decisions.calibration import softmax
from model.decisions.ood import Novelty
from model.decisions.thresholds import AS_MADE, Outcome, ReviewPolicy, promise
from model.evaluation import ood_metrics, speed
from model.evaluation.evaluation_sets import Sample
from model.evaluation.metrics import Confusion, Evaluation, evaluate, worst_confusions
from model.evaluation.ood_metrics import Strangeness
from model.evaluation.speed import Speed


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was measured. `bundle` has the thresholds that were used, `policy` how they were chosen.

    `promised` is what validation says of these (thresholds.promise), None where the bundle kept none of it; `seen` is
    the same of the sample, which had no part in choosing them.
    """

    bundle: Bundle
    policy: ReviewPolicy
    sample: Sample
    answers: Answers
    verdicts: Verdicts
    figures: Evaluation
    confusions: tuple[Confusion, ...]
    strangeness: Strangeness
    promised: Mapping[str, Any] | None
    seen: Mapping[str, Any]
    speed: Speed

    @property
    def reference_accuracy(self) -> float:
        """TensorFlow's; NaN where it was not asked."""
        if not self.answers.has_reference:
            return float("nan")
        return float(np.mean(self.answers.reference.argmax(1) == self.sample.labels))

    @property
    def target(self) -> float | None:
        """The precision that the thresholds were chosen for; None if for a number of reviews."""
        return self.policy.aim(self.bundle.target_precision)

    def as_json(self) -> dict[str, Any]:
        """The keys of Evaluation.as_json, and all else; null for what is not known."""
        asked = self.answers.has_reference
        return {
            "model": self.bundle.id if self.bundle.version else self.bundle.name,
            "data": self.sample.title,
            **self.figures.as_json(),
            "confusions": [self._confusion(each) for each in self.confusions],
            "target_precision": self.target,
            "review_budget": self.policy.review_budget,
            "guarantee": {"validation": self.promised, "here": self.seen},
            "unlike_training": self.strangeness.as_json(),
            "agreement": round(self.answers.agreement, 5) if asked else None,
            "accuracy_tensorflow": round(self.reference_accuracy, 4) if asked else None,
            "speed": self.speed.as_json(),
            "rejected": dict(self.sample.reasons),
            "left_out": list(self.sample.left_out),
        }

    def _confusion(self, each: Confusion) -> dict[str, Any]:
        return {
            "true": self.bundle.categories[each.true],
            "predicted": self.bundle.categories[each.predicted],
            "images": each.count,
            "share": round(each.share, 4),
            "surest": [self.sample.names[at] for at in each.indices],
        }


def assess(
    bundle: Bundle,
    novelty: Novelty | None,
    sample: Sample,
    answers: Answers,
    validation: Outcome | None,
    policy: ReviewPolicy = AS_MADE,
) -> Assessment:
    """From the answers on the sample's labelled images; the strangers are asked here.

    The bundle need not be sealed yet: its networks have to lie in its folder, what else belongs to it is handed over.
    """
    verdicts = judge(bundle, novelty, answers)
    count = len(bundle.categories)
    strangers = [(each, ask(bundle.folder, each.images, count, reference=False)) for each in sample.strangers]
    judged = [(each, judge(bundle, novelty, found)) for each, found in strangers]
    outcome = Outcome.of(verdicts.scores, sample.labels)
    return Assessment(
        bundle=bundle,
        policy=policy,
        sample=sample,
        answers=answers,
        verdicts=verdicts,
        figures=figures(bundle, verdicts, answers, sample.labels),
        confusions=tuple(worst_confusions(verdicts.scores, sample.labels)),
        strangeness=ood_metrics.measure(verdicts, judged),
        promised=_promise(validation, bundle) if validation else None,
        seen=_promise(outcome, bundle),
        speed=speed.measure(bundle.folder, sample.images),
    )


def of_bundle(bundle: Bundle, sample: Sample, policy: ReviewPolicy = AS_MADE, *, reference: bool = True) -> Assessment:
    """A sealed bundle's, asking TensorFlow too if `reference`. Raises BundleError when the policy cannot be kept."""
    measured = replace(bundle, thresholds=bundles.thresholds(bundle, policy))
    answers = ask(bundle.folder, sample.images, len(bundle.categories), reference=reference)
    return assess(measured, bundles.novelty(bundle), sample, answers, bundles.validated(bundle), policy)


def figures(bundle: Bundle, verdicts: Verdicts, answers: Answers, labels: npt.NDArray[np.int64]) -> Evaluation:
    """Of labelled images, whose labels are int64[N]."""
    return evaluate(
        softmax(answers.logits), verdicts.scores, labels, bundle.thresholds, bundle.categories, verdicts.flagged
    )


def _promise(outcome: Outcome, bundle: Bundle) -> dict[str, Any]:
    told = promise(outcome, bundle.thresholds)
    return {
        "images": len(outcome.correct),
        "passing": told["images"],
        "coverage": told["validation_coverage"],
        "precision": told["validation_precision"],
        "precision_lower_bound": told["precision_lower_bound"],
    }
