"""Reprocessing: a plan is made, and opened as a run, by whoever holds connections: the command, and the dashboard."""

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from db import CatalogueError
from db.operations import plans, reprocess
from db.operations.selection import Part, Selection
from db.reporting import expectations
from db.schema import Plan, Run
from db.session import Sessions, in_transaction, read_with_retry
from worker.bundle_lookup import register

if TYPE_CHECKING:
    from model.bundle import Bundle


class PlanChanged(CatalogueError):
    """Images of the plan have changed since it was made, and the plan was to be opened whole or not at all."""


def make_plan(
    sessions: Sessions, selection: Selection, bundle: "Bundle", *, requested_by: str, newest_first: bool = False
) -> Plan:
    """Freeze what a selection means now. Interrupted, it leaves a plan that cannot be opened."""

    def begin(session: Session) -> Plan:
        model = register(session, bundle)
        return plans.begin(session, selection, model, requested_by=requested_by, newest_first=newest_first)

    plan, human = in_transaction(sessions, begin), 0
    for part in read_with_retry(sessions, lambda session: list(selection.parts(session))):
        left: Part | None = part
        while left is not None:
            with sessions.begin() as session:  # not to be run twice
                left = plans.freeze_some(session, plan, selection, left)
        human += read_with_retry(sessions, partial(_human, plan=plan, selection=selection, part=part))

    def finish(session: Session) -> Plan:
        figures = expectations.of_plan(session, plan, plans.count(session, plan.id, human_left_alone=human))
        plans.finish(session, plan.id, figures)
        return plans.find(session, plan.code)

    return in_transaction(sessions, finish)


def open_plan(sessions: Sessions, plan: Plan, *, actor: str, why: str, strict: bool = False) -> tuple[Run, bool]:
    """Queue the images of a plan that are as they were; returns its run, and whether this call made it.

    Raises PlanChanged if `strict` and anything has changed. Killed on the way, the same call goes on.
    """
    if strict:
        _check_unchanged(sessions, plan)
    run, is_new = in_transaction(sessions, lambda session: reprocess.open_run(session, plan, actor=actor, why=why))
    queue_all(sessions, run.id)
    return read_with_retry(sessions, lambda session: session.get_one(Run, run.id)), is_new


def queue_all(sessions: Sessions, run_id: int) -> None:
    """Queue what the plan of a run still holds, unless the run is held."""
    while in_transaction(sessions, partial(reprocess.queue_some, run_id=run_id)):
        pass


def _human(session: Session, plan: Plan, selection: Selection, part: Part) -> int:
    return plans.count_human(session, plan, selection, part)


def _check_unchanged(sessions: Sessions, plan: Plan) -> None:
    changed: Counter[str] = Counter()
    cursor: str | None = ""
    while cursor is not None:
        some, cursor = in_transaction(sessions, partial(reprocess.changes, plan=plan, cursor=cursor))
        changed += some
    if changed:
        counts = ", ".join(f"{count:,} {name.removeprefix('left_')}" for name, count in sorted(changed.items()))
        raise PlanChanged(
            f"since the plan {plan.code} was made, images have changed ({counts}); make another plan, or leave those "
            "out by opening it without --strict"
        )
