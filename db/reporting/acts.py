"""Acts: who did what to users and their ways in, which is noted here, and to runs, which their own rows tell."""

from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from db import actors
from db.schema import Act, Run, RunNote
from db.schema.vocabulary import UNDO
from db.session import sql_now

SINGLE_SIGN_ON = "single sign-on"
_NOTED = {"paused": "run_paused", "resumed": "run_resumed", "cancelled": "run_cancelled", "note": "run_noted"}


def note(session: Session, actor: str, act: str, about: str | None = None, *, address: str | None = None) -> None:
    """Note what somebody did; `act` is one of PEOPLE_ACTS."""
    row: dict[str, Any] = {"actor": actor, "act": act, "about": about, "address": address, "at": sql_now(session)}
    session.execute(insert(Act).values(row))


def recent(session: Session, limit: int = 200) -> list[dict[str, Any]]:
    """List what was done last, the newest first, as plain values; runs only where people opened or changed them."""
    rows = [*_noted(session, limit), *_runs(session, limit), *_run_notes(session, limit)]
    newest = sorted(rows, key=lambda row: row["at"], reverse=True)[:limit]
    return [row | {"at": row["at"].isoformat(), "by": actors.name_of(row["by"])} for row in newest]


def _noted(session: Session, limit: int) -> list[dict[str, Any]]:
    acts = session.execute(select(Act).order_by(Act.id.desc()).limit(limit)).scalars()
    return [
        {"at": row.at, "by": row.actor, "act": row.act, "about": row.about, "address": row.address, "run": None}
        for row in acts
    ]


def _runs(session: Session, limit: int) -> list[dict[str, Any]]:
    opened = select(Run.id, Run.created_at, Run.requested_by, Run.logical_key, Run.kind)
    by_people = opened.where(actors.is_person(Run.requested_by)).order_by(Run.id.desc()).limit(limit)
    return [
        {"at": at, "by": by, "act": "run_undone" if kind == UNDO else "run_opened", "about": key}
        | {"address": None, "run": run_id}
        for run_id, at, by, key, kind in session.execute(by_people)
    ]


def _run_notes(session: Session, limit: int) -> list[dict[str, Any]]:
    written = select(RunNote.run_id, RunNote.at, RunNote.actor, RunNote.action, RunNote.text)
    by_people = written.where(actors.is_person(RunNote.actor), RunNote.action.in_(_NOTED))
    return [
        {"at": at, "by": by, "act": _NOTED[action], "about": why, "address": None, "run": run_id}
        for run_id, at, by, action, why in session.execute(by_people.order_by(RunNote.id.desc()).limit(limit))
    ]
