"""The state of the whole catalogue in one read, for `tagger status` and the dashboard."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from db import counts, heartbeats
from db.invariants.items import claimed_too_often
from db.queue import claims, throttle
from db.reporting import gate
from db.schema import GateFinding, ModelVersion, Run, RunCount, WorkItem
from db.schema.vocabulary import OPEN_STATES
from db.session import sql_now

FAILED_SHOWN_S = 7 * 86_400.0
COUNTED_AT_MOST = 100_000
"""Up to where claimable items are counted one by one; what waits in all is in the counts by state."""


def status(session: Session) -> dict[str, Any]:
    """Collect images by state, runs, workers, the leading scheduler and the queues, as JSON takes them."""
    leader = heartbeats.leader(session, heartbeats.SCHEDULER)
    claimable = {name: claims.claimable(session, name, at_most=COUNTED_AT_MOST) for name in claims.QUEUES}
    held = throttle.held(session)
    return {
        "items": counts.of_all(session),
        "runs": _runs(session),
        "workers": [
            {"name": worker.name, "slots": worker.slots, "seen_at": worker.seen_at.isoformat()}
            for worker in heartbeats.alive(session)
        ],
        "scheduler": leader.holder if leader else None,
        "queues": {name: {"claimable": count} for name, count in claimable.items()},
        "stuck": [*_claimed_in_vain(session), *_left_behind(session), *_unserved(session, claimable)],
        "held_until": max((store.until.isoformat() for store in held), default=None),
        "held_stores": [
            {"bucket": store.name, "until": store.until.isoformat(), "reason": store.reason} for store in held
        ],
    }


def _claimed_in_vain(session: Session) -> Iterator[dict[str, Any]]:
    some = select(WorkItem.id).where(claimed_too_often()).limit(COUNTED_AT_MOST).subquery()
    if items := session.execute(select(func.count()).select_from(some)).scalar_one():
        yield {"items": items, "why": "they are claimed again and again, and nothing comes of it"}


def _left_behind(session: Session) -> Iterator[dict[str, Any]]:
    """Look for open items of runs that have ended, which nobody claims."""
    ended = Run.id.in_(counts.runs_with(OPEN_STATES)) & Run.state.in_(("finished", "cancelled"))
    for run_id, state in session.execute(select(Run.id, Run.state).where(ended).order_by(Run.id)):
        items = counts.of_run(session, run_id)
        yield {"items": sum(items.get(name, 0) for name in OPEN_STATES), "why": f"their run {run_id} is {state}"}


def _unserved(session: Session, claimable: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Look for queues in which items wait while workers live, but for other queues."""
    workers = heartbeats.alive(session)
    served = {queue for worker in workers for queue in worker.queues.split(",")}
    for queue, items in claimable.items():
        if items and workers and queue not in served:
            yield {"items": items, "why": f"no living worker serves their queue {queue}"}


def waiting_models(session: Session) -> list[tuple[ModelVersion, int]]:
    """List the models that open items wait for, and for each how many do."""
    waiting = (
        select(ModelVersion, func.sum(RunCount.items))
        .join_from(ModelVersion, Run)
        .join(RunCount, Run.id == RunCount.run_id)
    )
    some = waiting.where(RunCount.name.in_(OPEN_STATES)).group_by(ModelVersion.id).having(func.sum(RunCount.items) > 0)
    return [(model, int(items)) for model, items in session.execute(some.order_by(ModelVersion.id))]


def _runs(session: Session) -> list[dict[str, Any]]:
    """List the runs that have not ended, and for a week those that failed, whose counts hold the reason as `error`."""
    open_or_failed = or_(
        Run.state.not_in(("finished", "cancelled", "failed")),
        (Run.state == "failed") & (Run.finished_at > sql_now(session, -FAILED_SHOWN_S)),
    )
    unfinished = select(Run, GateFinding).join_from(Run, GateFinding, GateFinding.run_id == Run.id, isouter=True)
    unfinished = unfinished.where(open_or_failed)
    return [
        {
            "id": run.id,
            "logical_key": run.logical_key,
            "kind": run.kind,
            "state": run.state,
            "created_at": run.created_at.isoformat(),
            **run.counts,
            **({"gate": found.detail["text"]} if found is not None and gate.holds(found) else {}),
        }
        for run, found in session.execute(unfinished.order_by(Run.id))
    ]
