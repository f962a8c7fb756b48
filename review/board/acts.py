"""What operators do, as the pages and the API both do it: by the functions of the command, and logged."""

import re
from datetime import datetime
from typing import Any, Literal

import structlog

from db import actors
from db.operations import control as runs, notes, plans, schedule, undo
from db.operations.selection import Selection
from db.review.access import Person
from db.schema import ModelVersion, Plan, Run
from db.session import in_transaction, reading
from model import ModelError
from review.parts import Parts
from review.problems import Problem
from worker.operations import control, reprocess, selecting
from worker.operations.control import reason, touched_by_change
from worker.operations.undo import undo as undo_all

Change = Literal["pause", "resume", "cancel", "undo"]
_CHANGES = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel}
_MODEL = re.compile(r"[\w.-]+(@[0-9a-f]+)?", re.ASCII)
_COUNTED_AT_MOST = 100_000


def touched(parts: Parts, run_id: int, change: Change) -> tuple[Run, int]:
    """Return a run, and how many images a change of it touches. Raises NoSuchRun, and RunRefused for an undo."""
    with reading(parts.sessions) as session:
        run = runs.find(session, str(run_id))
        if change != "undo":
            return run, touched_by_change(session, run)
        undo.check(run)
        return run, undo.touched(session, run, _COUNTED_AT_MOST)


def change_run(parts: Parts, person: Person, run_id: int, change: Change, why: str | None) -> tuple[Run, bool]:
    """Pause, resume, cancel or undo a run; returns it, or the run that undid it, and whether that changed anything."""
    run, images = touched(parts, run_id, change)
    text, actor = reason(why, images), actors.of_person(person.name)
    if change == "undo":
        done, changed = undo_all(parts.sessions, run, actor=actor, why=text), True
    else:
        changed = _CHANGES[change](parts.sessions, run_id, actor=actor, why=text)
        with reading(parts.sessions) as session:
            done = runs.find(session, str(run_id))
    _log("run_changed", person, run=run_id, change=change, changed=changed)
    return done, changed


def make_plan(
    parts: Parts, person: Person, selection: Selection, model: str | None, *, newest_first: bool, compare: bool
) -> Plan:
    """Freeze what a selection means now, for the model that tags or another one by its name, never by a path.

    With `compare`, a sample of its images is classified behind the request, to see which categories would change.
    """
    from worker.bootstrap import check_taxonomy
    from worker.bundle_lookup import resolve

    if model is not None and not _MODEL.fullmatch(model):
        raise Problem(422, f"{model!r} is no name or name@version of a model")
    settings = parts.settings
    with reading(parts.sessions) as session:
        selecting.check(session, selection)
    try:
        bundle = resolve(model or settings.model, settings.bundle_folders, parts.sessions)
        check_taxonomy(settings, bundle)
    except ModelError as error:
        raise Problem(422, str(error)) from None
    made = reprocess.make_plan(
        parts.sessions, selection, bundle, requested_by=actors.of_person(person.name), newest_first=newest_first
    )
    _log("plan_made", person, plan=made.code, images=made.figures["images"])
    if compare:
        parts.comparisons.begin(made)
    return made


def find_plan(parts: Parts, code: str) -> Plan:
    """Return a plan. Raises NoSuchPlan."""
    with reading(parts.sessions) as session:
        return plans.find(session, code)


def model_of(parts: Parts, plan: Plan) -> str:
    """Return the id of the bundle that a plan is to classify with."""
    with reading(parts.sessions) as session:
        return session.get_one(ModelVersion, plan.model_version_id).bundle_id


def compare_plan(parts: Parts, code: str) -> None:
    """Classify a sample of a plan's images behind the request. Raises NoSuchPlan."""
    parts.comparisons.begin(find_plan(parts, code))


def open_plan(parts: Parts, person: Person, code: str, why: str | None, *, strict: bool) -> tuple[Run, bool]:
    """Queue the images of a plan; returns its run, and whether this made it. Raises NoSuchPlan and PlanChanged."""
    plan = find_plan(parts, code)
    if not plan.figures["images"]:
        raise Problem(409, f"the plan {code} has no images, so nothing is to be done")
    text = reason(why, plan.figures["images"])
    run, is_new = reprocess.open_plan(
        parts.sessions, plan, actor=actors.of_person(person.name), why=text, strict=strict
    )
    _log("plan_opened", person, plan=code, run=run.id, new=is_new)
    return run, is_new


def write_note(parts: Parts, person: Person, run_id: int, text: str) -> None:
    """Write a note at a run."""
    with parts.sessions.begin() as session:
        runs.find(session, str(run_id))
        notes.add(session, run_id, text, actor=actors.of_person(person.name))
    _log("run_noted", person, run=run_id)


def pause_schedule(parts: Parts, person: Person, why: str, until: datetime | None = None) -> None:
    """Let no night begin by itself until then, or until somebody resumes."""
    actor = actors.of_person(person.name)
    in_transaction(parts.sessions, lambda session: schedule.pause(session, actor=actor, why=why, until=until))
    _log("schedule_paused", person, until=until and until.isoformat())


def resume_schedule(parts: Parts, person: Person) -> bool:
    """Let nights begin by themselves again; whether they did not."""
    actor = actors.of_person(person.name)
    ended = bool(in_transaction(parts.sessions, lambda session: schedule.resume(session, actor=actor)))
    _log("schedule_resumed", person, changed=ended)
    return ended


def _log(event: str, person: Person, **values: Any) -> None:
    structlog.get_logger().info(event, by=person.name, **values)
