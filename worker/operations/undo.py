"""Undoing of a run, or of all that a model did, by whoever holds connections: the command, and the dashboard."""

from functools import partial

from db.operations import undo as steps
from db.schema import ModelVersion, Run
from db.session import Sessions, in_transaction, read_with_retry


def undo(sessions: Sessions, undone: Run | ModelVersion, *, actor: str, why: str) -> Run:
    """Give tags their former values; returns the run that did it. Killed on the way, the same call goes on."""
    run = in_transaction(sessions, lambda session: steps.open_run(session, undone, actor=actor, why=why))
    undo_all(sessions, run.id)
    return read_with_retry(sessions, lambda session: session.get_one(Run, run.id))


def undo_all(sessions: Sessions, run_id: int) -> None:
    """Restore what a run that undoes another has left, unless it is held."""
    while in_transaction(sessions, partial(steps.undo_some, run_id=run_id)):
        pass
