"""Runs as people and programs look at them."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db import actors, runs
from db.operations import notes
from db.reporting import batches, gate
from db.schema import ModelVersion, Run, WorkItem
from db.session import now

ENDED = ("finished", "cancelled", "failed")


def list_runs(session: Session, limit: int, kind: str | None = None) -> list[dict[str, Any]]:
    """List the newest runs, or those of one kind, with their counts; those of open ones are counted now."""
    newest = select(Run, ModelVersion).join(ModelVersion, ModelVersion.id == Run.model_version_id)
    if kind is not None:
        newest = newest.where(Run.kind == kind)
    rows = session.execute(newest.order_by(Run.id.desc()).limit(limit)).all()
    return [_summary(session, run, model) for run, model in rows]


def show(session: Session, run: Run) -> dict[str, Any]:
    """Collect all that is known of a run: its selection, items by state and reason, pace and notes."""
    summary = _summary(session, run, session.get_one(ModelVersion, run.model_version_id))
    ended_at = run.finished_at or now(session)
    seconds = max((ended_at - run.created_at).total_seconds(), 0.001)
    done = sum(summary[name] for name in ("tagged", "skipped", "quarantined"))
    rate = done / seconds
    moves = run.state in ("scanning", "running") and done > 0
    return summary | {
        "selection": run.selection,
        "reasons": _reasons(session, run.id),
        "seconds": round(seconds, 1),
        "images_per_second": round(rate, 1),
        "seconds_left": round(summary["open"] / rate) if moves else None,
        "notes": notes.of_run(session, run.id),
        "gate": gate.as_json(gate.finding(session, run.id)),
        "stages": {stage: round(spent_s, 3) for stage, spent_s in batches.total(session, run.id).seconds.items()},
    }


def _summary(session: Session, run: Run, model: ModelVersion) -> dict[str, Any]:
    counts = run.counts if run.state in ENDED and "open" in run.counts else runs.work_counts(session, run.id)
    return {
        "id": run.id,
        "logical_key": run.logical_key,
        "kind": run.kind,
        "state": run.state,
        "model": model.bundle_id,
        "requested_by": actors.name_of(run.requested_by),
        "created_at": run.created_at.isoformat(),
        "finished_at": _iso(run.finished_at),
        **run.counts,
        **counts,
    }


def _reasons(session: Session, run_id: int) -> dict[str, dict[str, int]]:
    """Count the items that have a reason, by state and reason."""
    state, reason = WorkItem.state, WorkItem.reason
    with_reason = WorkItem.run_id == run_id, reason.is_not(None)
    counted = select(state, reason, func.count()).where(*with_reason).group_by(state, reason).order_by(state, reason)
    reasons: dict[str, dict[str, int]] = {}
    for ended_as, why, count in session.execute(counted):
        reasons.setdefault(ended_as, {})[str(why)] = count
    return reasons


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
