"""What a watch over the work needs beside the status: how far each run is, and for how long something has waited."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db import counts
from db.queue.claims import QUEUES
from db.schema import Run, WorkItem
from db.schema.vocabulary import FINAL_STATES, OPEN_STATES
from db.session import now, sql_now

_MOVING = ("scanning", "running")


@dataclass(frozen=True, slots=True)
class Progress:
    """How many items of a run are done, one way or another, and how many are not."""

    run_id: int
    logical_key: str
    kind: str
    moves: bool
    done: int
    left: int


def progress(session: Session) -> list[Progress]:
    """List how far the unfinished runs are, the oldest first."""
    unfinished = select(Run).where(Run.state.in_((*_MOVING, "planned", "paused"))).order_by(Run.id)
    return [progress_of(session, run) for run in session.execute(unfinished).scalars()]


def progress_of(session: Session, run: Run) -> Progress:
    """Count how far a run is."""
    items = counts.of_run(session, run.id)
    done, left = (sum(items.get(state, 0) for state in states) for states in (FINAL_STATES, OPEN_STATES))
    return Progress(run.id, run.logical_key, run.kind, run.state in _MOVING, done, left)


def settled(session: Session) -> int:
    """Count the items that are done, one way or another."""
    items = counts.of_all(session)
    return sum(items.get(state, 0) for state in FINAL_STATES)


def oldest_waiting_s(session: Session) -> float | None:
    """Return for how many seconds the first item in turn of any run could have been claimed; None if none waits.

    One row of an index for each run and queue is read, however many wait.
    """
    open_runs = session.execute(select(Run.id).where(Run.state.in_((*_MOVING, "planned")))).scalars().all()
    since = [_first(session, run_id, queue) for run_id in open_runs for queue in QUEUES]
    waiting = [at for at in since if at is not None]
    return max(0.0, (now(session) - min(waiting)).total_seconds()) if waiting else None


def _first(session: Session, run_id: int, queue: str) -> datetime | None:
    item = WorkItem
    of_run = item.queue == queue, item.run_id == run_id, item.state == "pending", item.eligible_at <= sql_now(session)
    in_turn = select(item.eligible_at).where(*of_run).order_by(item.priority, item.eligible_at, item.id).limit(1)
    return session.execute(in_turn).scalar_one_or_none()
