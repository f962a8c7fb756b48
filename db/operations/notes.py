"""Notes at runs: what was done to them and why, and what people should know of them."""

from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from db import actors
from db.schema import RunNote
from db.session import sql_now


def add(session: Session, run_id: int, text: str, *, actor: str, action: str = "note") -> None:
    """Write a note at a run."""
    row = {"run_id": run_id, "action": action, "text": text, "actor": actor, "at": sql_now(session)}
    session.execute(insert(RunNote).values(row))


def of_run(session: Session, run_id: int) -> list[dict[str, Any]]:
    """List a run's notes as plain values, the oldest first."""
    notes = select(RunNote).where(RunNote.run_id == run_id).order_by(RunNote.id)
    return [
        {"at": note.at.isoformat(), "by": actors.name_of(note.actor), "action": note.action, "text": note.text}
        for note in session.execute(notes).scalars()
    ]
