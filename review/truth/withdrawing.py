"""Undoing of all that somebody decided in a session or a time: some at a time, by the pages and the command."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from db.review import undoing
from db.review.decisions import Conflict, Reviewer
from db.review.undoing import Chosen, Restored
from db.session import Sessions, in_transaction


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """How many decisions were undone, and how many were not, as somebody has changed their images since."""

    undone: int
    conflicts: int


def withdraw(sessions: Sessions, by: Reviewer, chosen: Chosen) -> Withdrawn:
    """Undo decisions, the newest first. When it is interrupted, the rest is undone by asking again."""
    undone = conflicts = 0
    before: int | None = None
    while True:

        def step(session: Session, before: int | None = before) -> tuple[list[Restored | Conflict], int | None]:
            return undoing.undo_some(session, by, chosen, before)

        results, before = in_transaction(sessions, step)
        undone += sum(isinstance(result, Restored) for result in results)
        conflicts += sum(isinstance(result, Conflict) for result in results)
        if before is None:
            return Withdrawn(undone, conflicts)
