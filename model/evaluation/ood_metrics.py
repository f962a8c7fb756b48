"""How well a bundle notices images that it has no category for. Pure numpy."""

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
    """Metrics of one source. `auroc` by score, against the labelled images;
    `flagged` and `reviewed` are shares of its images: unlike_training, and for any reason.
    """

    source: OodSource
    decisions: Decisions
    auroc: Mapping[str, float]
    flagged: float
    reviewed: float


@dataclass(frozen=True, slots=True)
class OodMetrics:
    """`false_alarms` is the share of labelled images that are flagged, None where the bundle flags nothing; `auroc` is
    by score, over all ood_sources together, each image counting once.
    """

    false_alarms: float | None
    auroc: Mapping[str, float]
    sources: tuple[SourceMetrics, ...]

    def as_json(self) -> dict[str, Any]:
        """`auroc` of a source is the served score's; null where the bundle has none."""
        able = self.false_alarms is not None
        sources = {
            each.source.name: {
                "images": len(each.decisions),
                "auroc": each.auroc.get(SERVED),
                "flagged": each.flagged if able else None,
                "reviewed": each.reviewed,
                "auroc_by_score": dict(each.auroc),
            }
            for each in self.sources
        }
        found: dict[str, Any] = rounded(
            {"false_alarms": self.false_alarms, "auroc": dict(self.auroc), "sources": sources}
        )
        return found


def measure(labelled: Decisions, ood_sources: Sequence[tuple[OodSource, Decisions]]) -> OodMetrics:
    """From the decisions on labelled images and on each kind of out-of-distribution source."""
    sources = tuple(_of_source(labelled, source, decisions) for source, decisions in ood_sources)
    able = SERVED in labelled.ood_scores
    mix = {
        name: auroc(inside, np.concatenate([decisions.ood_scores[name] for _, decisions in ood_sources]))
        for name, inside in labelled.ood_scores.items()
        if ood_sources
    }
    return OodMetrics(float(labelled.flagged.mean()) if able else None, mix, sources)


def _of_source(labelled: Decisions, source: OodSource, decisions: Decisions) -> SourceMetrics:
    areas = {name: auroc(inside, decisions.ood_scores[name]) for name, inside in labelled.ood_scores.items()}
    return SourceMetrics(source, decisions, areas, float(decisions.flagged.mean()), float(decisions.reviewed.mean()))


def auroc(inside: npt.ArrayLike, outside: npt.ArrayLike) -> float:
    """Compute the probability that an image from outside scores higher than one from inside; ties count half."""
    known, unknown = np.asarray(inside), np.asarray(outside)
    is_outside = np.repeat([0, 1], [len(known), len(unknown)])
    return float(roc_auc_score(is_outside, np.concatenate([known, unknown])))
