"""What to expect of a plan: how long it takes, and how much people will have to review."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.operations.plans import Found
from db.schema import Classification, Plan, Run

LEAST = 20
"""Runs with fewer images say nothing about the pace."""
_LOOKED_AT = 2_000


def of_plan(session: Session, plan: Plan, found: Found) -> dict[str, Any]:
    """Return the figures of a plan. What nothing is known of is None."""
    rate, share = _images_per_second(session), _review_share(session, plan.model_version_id)
    return {
        "images": found.images,
        "human_left_alone": found.human_left_alone,
        "by_category": dict(sorted(found.by_category.items())),
        "untagged": found.untagged,
        "by_state": dict(sorted(found.by_state.items())),
        "expected_minutes": round(found.images / rate / 60, 1) if rate else None,
        "expected_reviews": round(found.images * share) if share is not None else None,
    }


def _images_per_second(session: Session) -> float | None:
    """Return the pace of the last run of some size, its listing included."""
    last = select(Run).where(Run.state == "finished", Run.counts["tagged"].as_integer() >= LEAST)
    run = session.execute(last.order_by(Run.id.desc()).limit(1)).scalar_one_or_none()
    if run is None or run.finished_at is None:
        return None
    return float(run.counts["tagged"]) / max((run.finished_at - run.created_at).total_seconds(), 0.001)


def _review_share(session: Session, model_version_id: int) -> float | None:
    """Return the share that was flagged of the last results, of this model if it has any among them."""
    newest = select(Classification.model_version_id, Classification.needs_review)
    rows = newest.order_by(Classification.id.desc()).limit(_LOOKED_AT).subquery()
    for results in ([rows.c.model_version_id == model_version_id], []):
        counted = select(func.count().filter(rows.c.needs_review), func.count()).select_from(rows).where(*results)
        flagged, all_ = session.execute(counted).one()
        if all_:
            return float(flagged / all_)
    return None
