"""The state of the whole catalogue in one read, for `tagger status` and the dashboard."""

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db import counts, heartbeats
from db.queue import claims
from db.queue.throttle import throttled_until
from db.schema import Run
from db.session import sql_now

FAILED_SHOWN_S = 7 * 86_400.0


def status(session: Session) -> dict[str, Any]:
    """Collect images by state, runs, workers, the leading scheduler and the queues, as JSON takes them."""
    leader = heartbeats.leader(session, heartbeats.SCHEDULER)
    held_until = throttled_until(session)
    return {
        "items": counts.of_all(session),
        "runs": _runs(session),
        "workers": [
            {"name": worker.name, "slots": worker.slots, "seen_at": worker.seen_at.isoformat()}
            for worker in heartbeats.alive(session)
        ],
        "scheduler": leader.holder if leader else None,
        "queues": {name: {"claimable": claims.claimable(session, name)} for name in claims.QUEUES},
        "held_until": held_until.isoformat() if held_until else None,
    }


def _runs(session: Session) -> list[dict[str, Any]]:
    """List the runs that have not ended, and for a week those that failed, whose counts hold the reason as `error`."""
    open_or_failed = or_(
        Run.state.not_in(("finished", "cancelled", "failed")),
        (Run.state == "failed") & (Run.finished_at > sql_now(session, -FAILED_SHOWN_S)),
    )
    return [
        {
            "id": run.id,
            "logical_key": run.logical_key,
            "kind": run.kind,
            "state": run.state,
            "created_at": run.created_at.isoformat(),
            **run.counts,
        }
        for run in session.execute(select(Run).where(open_or_failed).order_by(Run.id)).scalars()
    ]
