"""Pausing, resuming and cancelling of runs by those who hold connections: the command, and the dashboard."""

from functools import partial

from sqlalchemy.orm import Session

from db import CatalogueError, runs
from db.operations import control, notes
from db.reporting import gate
from db.schema import Run
from db.session import Sessions, in_transaction
from worker.operations.reprocess import queue_all
from worker.operations.undo import undo_all

ASKED_FROM = 1_000
"""More images than that are touched only for a reason that is told."""


class WhyMissing(CatalogueError):
    """Many images are to be touched, and nobody has said why."""


def reason(why: str | None, touched: int) -> str:
    """Return the reason, or "" if few images are touched. Raises WhyMissing if many are and none was given."""
    why = (why or "").strip()
    if touched > ASKED_FROM and not why:
        raise WhyMissing(f"this touches {touched:,} images; say why, for example 'the studio changed its backdrop'")
    return why


def touched_by_change(session: Session, run: Run) -> int:
    """Count the images that pausing, resuming or cancelling a run touches."""
    counts = runs.work_counts(session, run.id)
    return counts["open"] + (counts["cancelled"] if run.state == "cancelled" else 0)


def pause(sessions: Sessions, run_id: int, *, actor: str, why: str) -> bool:
    """Pause a run; whether it was not paused before. Raises RunRefused."""
    return in_transaction(sessions, lambda session: control.pause(session, run_id, actor=actor, why=why))


def cancel(sessions: Sessions, run_id: int, *, actor: str, why: str) -> bool:
    """Cancel a run's open items; whether it was not cancelled before. Killed on the way, it leaves the run paused."""
    if not in_transaction(sessions, lambda session: control.begin_cancel(session, run_id)):
        return False
    after: int | None = 0
    while after is not None:
        after = in_transaction(sessions, partial(control.cancel_some, run_id=run_id, after=after))
    in_transaction(sessions, lambda session: control.end_cancel(session, run_id, actor=actor, why=why))
    return True


def accept(sessions: Sessions, run_id: int, *, actor: str, why: str) -> bool:
    """Let a run through at which the gate has found something, as a good night; whether this call did."""

    def let_through(session: Session) -> bool:
        accepted = gate.accept(session, run_id, actor=actor, why=why)
        if accepted:
            notes.add(session, run_id, f"accepted at the gate: {why}", actor=actor)
        return accepted

    return in_transaction(sessions, let_through)


def resume(sessions: Sessions, run_id: int, *, actor: str, why: str) -> bool:
    """Go on with a run that was paused or cancelled; False if it goes on by itself. Raises RunRefused."""
    if not in_transaction(sessions, lambda session: control.begin_resume(session, run_id)):
        return False
    after: int | None = 0
    while after is not None:
        after = in_transaction(sessions, partial(control.revive_some, run_id=run_id, after=after))
    in_transaction(sessions, lambda session: control.end_resume(session, run_id, actor=actor, why=why))
    queue_all(sessions, run_id)
    undo_all(sessions, run_id)
    return True
