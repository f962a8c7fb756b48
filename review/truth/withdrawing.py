"""Undoing of all that somebody decided in a session or a time: some at a time, by the pages and the command."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from db import actors
from db.reporting import acts
from db.review import undoing, users
from db.review.decisions import Conflict, Reviewer
from db.review.undoing import Chosen, Restored
from db.session import Sessions, in_transaction


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """How many decisions were undone, and how many were not, as somebody has changed their images since."""

    undone: int
    conflicts: int


def withdraw(sessions: Sessions, by: Reviewer, chosen: Chosen) -> Withdrawn:
    """Undo decisions, the newest first, and note it. When it is interrupted, the rest is undone by asking again."""
    undone = conflicts = 0
    before: int | None = None
    while True:

        def step(session: Session, before: int | None = before) -> tuple[list[Restored | Conflict], int | None]:
            return undoing.undo_some(session, by, chosen, before)

        results, before = in_transaction(sessions, step)
        undone += sum(isinstance(result, Restored) for result in results)
        conflicts += sum(isinstance(result, Conflict) for result in results)
        if before is None:
            break
    result = Withdrawn(undone, conflicts)
    if undone:
        in_transaction(sessions, lambda session: _note(session, by, chosen, result))
    return result


def _note(session: Session, by: Reviewer, chosen: Chosen, result: Withdrawn) -> None:
    about = f"{users.name_of(session, chosen.user_id)}: {result.undone} undone, {result.conflicts} left"
    acts.note(session, actors.of_person(by.name), "decisions_undone", about)
