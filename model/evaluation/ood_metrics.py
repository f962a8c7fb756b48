"""Metrics of how well a bundle flags out-of-distribution images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from model.decide import Decisions
from model.decisions.ood import SERVED
from model.evaluation.evaluation_sets import OodSource
from model.evaluation.metrics import rounded


@dataclass(frozen=True, slots=True)
class SourceMetrics:
    """Metrics of one source: `auroc` by score against the labelled images, and shares of its images.

    `flagged` is the share that is flagged as unlike the training, `reviewed` the share reviewed for any reason.
    """

    source: OodSource
    decisions: Decisions
    auroc: Mapping[str, float]
    flagged: float
    reviewed: float


@dataclass(frozen=True, slots=True)
class OodMetrics:
    """Metrics of all sources: `auroc` by score over all their images together.

    `false_alarms` is the share of labelled images that is flagged; None where the bundle flags nothing.
    """

    false_alarms: float | None
    auroc: Mapping[str, float]
    sources: tuple[SourceMetrics, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all metrics; `auroc` of a source is that of the score in use, null where the bundle has none."""
        flags = self.false_alarms is not None
        sources = {
            source.source.name: {
                "images": len(source.decisions),
                "auroc": source.auroc.get(SERVED),
                "flagged": source.flagged if flags else None,
                "reviewed": source.reviewed,
                "auroc_by_score": dict(source.auroc),
            }
            for source in self.sources
        }
        return dict(rounded({"false_alarms": self.false_alarms, "auroc": dict(self.auroc), "sources": sources}))


def measure(labelled: Decisions, sources: Sequence[tuple[OodSource, Decisions]]) -> OodMetrics:
    """Compute the metrics from the decisions on labelled images and on those of each source."""
    everything = {
        name: np.concatenate([decisions.ood_scores[name] for _, decisions in sources])
        for name in labelled.ood_scores
        if sources
    }
    return OodMetrics(
        false_alarms=float(labelled.flagged.mean()) if SERVED in labelled.ood_scores else None,
        auroc=_auroc_by_score(labelled, everything),
        sources=tuple(
            SourceMetrics(
                source,
                decisions,
                _auroc_by_score(labelled, decisions.ood_scores),
                float(decisions.flagged.mean()),
                float(decisions.reviewed.mean()),
            )
            for source, decisions in sources
        ),
    )


def _auroc_by_score(labelled: Decisions, outside: Mapping[str, npt.NDArray[np.float32]]) -> Mapping[str, float]:
    return {name: auroc(labelled.ood_scores[name], scores) for name, scores in outside.items()}


def auroc(inside: npt.ArrayLike, outside: npt.ArrayLike) -> float:
    """Compute the probability that an image from outside scores higher than one from inside; ties count half."""
    known, unknown = np.asarray(inside), np.asarray(outside)
    is_outside = np.repeat([0, 1], [len(known), len(unknown)])
    return float(roc_auc_score(is_outside, np.concatenate([known, unknown])))
