"""The morning report of a run: what was seen, tagged, flagged and failed, beside the runs before it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from db.operations import notes
from db.reporting import history, overview
from db.reporting.history import Results, Unsure
from db.schema import Run

SMALL_SHIFT, LARGE_SHIFT = 0.1, 0.25
"""The customary bounds of the population stability index: below the first nothing, above the second much."""
_LEAST = 50
"""Of fewer images a distribution says nothing."""


def collect(session: Session, run: Run, *, unsure: int, cost_per_hour: float | None) -> dict[str, Any]:
    """Return all that the report says, as JSON takes it, with up to `unsure` of the least certain images."""
    shown = overview.show(session, run)
    earlier = history.before(session, run)
    now, then = history.results(session, [run.id]), history.results(session, [other.id for other in earlier])
    at_gate = shown["gate"] is not None  # what is unusual need not be flagged
    least_certain = history.least_certain(session, run.id, unsure, flagged_alone=not at_gate)
    return {
        "run": {name: shown[name] for name in _OF_RUN},
        "figures": _figures(shown, cost_per_hour),
        "failed_by_reason": _failed(shown["reasons"]),
        "flagged_by_reason": dict(now.flags.most_common()),
        "categories": _mix(now, then),
        "drift": _drift(now, then, len(earlier)),
        "before": [_of_before(other) for other in earlier],
        "notes": [note | {"run": run.logical_key} for note in shown["notes"]] + _earlier_notes(session, earlier),
        "gate": shown["gate"],
        "stages": shown["stages"],
        "least_certain": [_as_json(image) for image in least_certain],
    }


_OF_RUN = ("id", "logical_key", "kind", "state", "model", "requested_by", "created_at", "finished_at")


def psi(now: Sequence[int], then: Sequence[int]) -> float:
    """Compute the population stability index of two histograms of the same bands; an empty one counts as a half."""
    shares = [(max(a, 0.5) / sum(now), max(b, 0.5) / sum(then)) for a, b in zip(now, then, strict=True)]
    return sum((a - b) * math.log(a / b) for a, b in shares)


def _figures(shown: Mapping[str, Any], cost_per_hour: float | None) -> dict[str, Any]:
    tagged, failed = shown["tagged"], shown["skipped"] + shown["quarantined"]
    cost = cost_per_hour * shown["seconds"] / 3600 / tagged * 1000 if cost_per_hour and tagged else None
    return {
        **{name: shown.get(name, 0) for name in ("seen", "new", "changed", "gone", "tagged", "needs_review", "open")},
        "failed": failed,
        "flagged_share": _share(shown["needs_review"], tagged),
        "failed_share": _share(failed, tagged + failed),
        "seconds": shown["seconds"],
        "images_per_second": shown["images_per_second"],
        "slowest_stage": _slowest(shown["stages"]),
        "cost_per_1000": None if cost is None else round(cost, 4),
    }


def _slowest(stages: Mapping[str, float]) -> str | None:
    """Name the stage that workers took the longest for; None if none has been timed."""
    return max(stages, key=lambda stage: stages[stage]) if any(stages.values()) else None


def _failed(reasons: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    counts = {why: n for state in ("skipped", "quarantined") for why, n in reasons.get(state, {}).items()}
    return dict(sorted(counts.items(), key=lambda count: -count[1]))


def _mix(now: Results, then: Results) -> list[dict[str, Any]]:
    return [
        {
            "category": category,
            "images": now.categories[category],
            "share": _share(now.categories[category], now.images),
            "share_before": _share(then.categories[category], then.images),
        }
        for category in sorted(now.categories | then.categories, key=lambda name: (-now.categories[name], name))
    ]


def _drift(now: Results, then: Results, runs: int) -> dict[str, Any]:
    """Compare the confidences with those of the runs before; `psi` is None where there are too few images."""
    if min(now.images, then.images) < _LEAST:
        return {"psi": None, "runs": runs, "shift": "unknown"}
    index = psi(now.bands, then.bands)
    shift = "none" if index < SMALL_SHIFT else "some" if index < LARGE_SHIFT else "large"
    return {"psi": round(index, 4), "runs": runs, "shift": shift}


def _of_before(run: Run) -> dict[str, Any]:
    counts = run.counts
    failed = counts.get("skipped", 0) + counts.get("quarantined", 0)
    return {
        "run": run.logical_key,
        "tagged": counts["tagged"],
        "flagged_share": _share(counts.get("needs_review", 0), counts["tagged"]),
        "failed_share": _share(failed, counts["tagged"] + failed),
    }


def _earlier_notes(session: Session, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """List what people wrote at the runs before, but not what was done to these."""
    return [
        note | {"run": run.logical_key}
        for run in runs
        for note in notes.of_run(session, run.id)
        if note["action"] == "note"
    ]


def _as_json(image: Unsure) -> dict[str, Any]:
    return {
        "bucket": image.bucket,
        "key": image.key,
        "version_token": image.version_token,
        "category": image.category,
        "confidence": image.confidence,
        "reason": image.reason,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
