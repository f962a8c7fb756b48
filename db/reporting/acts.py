"""Acts: who did what. What no other row tells is noted here; runs, plans, nights and promotions have their own rows."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, insert, select
from sqlalchemy.orm import Session

from db import actors
from db.schema import Act, ModelPromotion, ModelVersion, Plan, Run, RunNote, SchedulePause
from db.schema.vocabulary import REPROCESS, UNDO
from db.session import sql_now

SINGLE_SIGN_ON = "single sign-on"
_RUN_NOTES = {"paused": "run_paused", "resumed": "run_resumed", "cancelled": "run_cancelled", "note": "run_noted"}
_PROMOTIONS = {"promote": "model_promoted", "rollback": "model_rolled_back"}


def note(session: Session, actor: str, act: str, about: str | None = None, *, address: str | None = None) -> None:
    """Note what somebody did; `act` is one of PEOPLE_ACTS or CATALOGUE_ACTS."""
    row: dict[str, Any] = {"actor": actor, "act": act, "about": about, "address": address, "at": sql_now(session)}
    session.execute(insert(Act).values(row))


def recent(session: Session, limit: int = 200) -> list[dict[str, Any]]:
    """List what was done last, the newest first, as plain values; runs and plans only where people asked for them."""
    rows = [row for told in (_noted, _runs, _run_notes, _plans, _schedule, _promotions) for row in told(session, limit)]
    newest = sorted(rows, key=lambda row: row["at"], reverse=True)[:limit]
    return [row | {"at": row["at"].isoformat(), "by": actors.name_of(row["by"])} for row in newest]


def _row(at: datetime, by: str, act: str, about: str | None, **more: Any) -> dict[str, Any]:
    return {"at": at, "by": by, "act": act, "about": about, "address": None, "run": None, "plan": None} | more


def _noted(session: Session, limit: int) -> Iterator[dict[str, Any]]:
    for row in session.execute(select(Act).order_by(Act.id.desc()).limit(limit)).scalars():
        yield _row(row.at, row.actor, row.act, row.about, address=row.address)


def _runs(session: Session, limit: int) -> Iterator[dict[str, Any]]:
    opened = select(Run.id, Run.created_at, Run.requested_by, Run.logical_key, Run.kind)
    by_people = opened.where(actors.is_person(Run.requested_by)).order_by(Run.id.desc()).limit(limit)
    for run_id, at, by, key, kind in session.execute(by_people):
        yield _row(at, by, "run_undone" if kind == UNDO else "run_opened", key, run=run_id)


def _run_notes(session: Session, limit: int) -> Iterator[dict[str, Any]]:
    written = select(RunNote.run_id, RunNote.at, RunNote.actor, RunNote.action, RunNote.text)
    by_people = written.where(actors.is_person(RunNote.actor), RunNote.action.in_(_RUN_NOTES))
    for run_id, at, by, action, why in session.execute(by_people.order_by(RunNote.id.desc()).limit(limit)):
        yield _row(at, by, _RUN_NOTES[action], why, run=run_id)


def _plans(session: Session, limit: int) -> Iterator[dict[str, Any]]:
    """Yield the plans that nobody opened; those that were are told by their runs."""
    opened = exists().where(Run.logical_key == f"{REPROCESS}:" + Plan.code)
    made = select(Plan.code, Plan.created_at, Plan.requested_by).where(actors.is_person(Plan.requested_by), ~opened)
    for code, at, by in session.execute(made.order_by(Plan.id.desc()).limit(limit)):
        yield _row(at, by, "plan_made", None, plan=code)


def _schedule(session: Session, limit: int) -> Iterator[dict[str, Any]]:
    for pause in session.execute(select(SchedulePause).order_by(SchedulePause.id.desc()).limit(limit)).scalars():
        yield _row(pause.since, pause.actor, "schedule_paused", pause.why)
        if pause.resumed_at is not None:
            yield _row(pause.resumed_at, pause.resumed_by or "", "schedule_resumed", None)


def _promotions(session: Session, limit: int) -> Iterator[dict[str, Any]]:
    changed: Select[*tuple[Any, ...]] = (
        select(ModelPromotion.at, ModelPromotion.actor, ModelPromotion.action, ModelVersion)
        .join(ModelVersion, ModelVersion.id == ModelPromotion.model_version_id)
        .order_by(ModelPromotion.id.desc())
    )
    for at, by, action, model in session.execute(changed.limit(limit)):
        yield _row(at, by, _PROMOTIONS[action], model.bundle_id)
