"""The night of a date: one run, whoever asks for it and however often."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

import structlog
from sqlalchemy.orm import Session

from db import actors, runs
from db.operations import notes, schedule
from db.operations.schedule import NIGHTLY, night_key
from db.schema import Run
from db.session import Sessions, in_transaction, now, reading
from model.bundle import Bundle
from worker.bootstrap import source_store
from worker.bundle_lookup import register, resolve
from worker.run_requests import source_of
from worker.settings import BadSettings, Settings
from worker.storage.store import Store

log = structlog.get_logger()

CELERY = "celery"
"""Who asks for the nights that a message begins."""
_EVENTS = {"opened": "night_opened", "there": "night_was_there", "reopened": "night_reopened", "joined": "night_joined"}


@dataclass(frozen=True, slots=True)
class Night:
    """The run of a night, what asking for it has done, and the run that does its work: itself, or one it has joined."""

    run: Run
    outcome: Literal["opened", "there", "reopened", "joined"]
    works_in: Run


def begin_night(settings: Settings, sessions: Sessions, night: date, *, requested_by: str) -> Night:
    """Open the run of a night over all of TAGGER_SOURCE, however often it is asked for, and log what that did.

    Raises BadSettings without a source, and the errors of finding the bundle and of opening the source.
    """
    store = source_store(settings, night_source(settings))
    bundle = resolve(settings.model, settings.bundle_folders, sessions)
    begun = in_transaction(
        sessions, lambda session: open_night(session, store, bundle, night, requested_by=requested_by)
    )
    joined = {} if begun.works_in is begun.run else {"joined_to": begun.works_in.id}
    log.info(_EVENTS[begun.outcome], night=begun.run.logical_key, run=begun.run.id, **joined)
    return begun


def night_source(settings: Settings) -> str:
    """Return what a night tags. Raises BadSettings."""
    if settings.source is None:
        raise BadSettings("a night tags all of TAGGER_SOURCE, which is not set: name a folder or s3://bucket/prefix")
    return settings.source


def begin_tonight(settings: Settings, sessions: Sessions) -> None:
    """Open the run of today's date because a message asks for it, unless the schedule is paused."""
    with reading(sessions) as session:
        tonight = settings.date_of(now(session))
        pause = schedule.standing_pause(session)
    if pause is not None:
        log.info("night_paused", night=night_key(tonight), by=actors.name_of(pause.actor), reason=pause.why)
        return
    begin_night(settings, sessions, tonight, requested_by=CELERY)


def open_night(session: Session, store: Store, bundle: Bundle, night: date, *, requested_by: str) -> Night:
    """Return the run of a night, planned if it is new or had failed; a night that is still at it is joined."""
    model = register(session, bundle)
    selection = {"source": source_of(store)}
    at_it = runs.unfinished(session, kind=NIGHTLY, selection=selection, model_version_id=model.id)
    run, is_new = runs.open_run(
        session,
        logical_key=night_key(night),
        kind=NIGHTLY,
        selection=selection,
        model=model,
        requested_by=requested_by,
        state="planned",
    )
    if is_new and at_it is not None and runs.join(session, run, at_it):
        text = f"{run.logical_key} was due while this run was not done, and has joined it"
        notes.add(session, at_it.id, text, actor=requested_by)
        return Night(run, "joined", at_it)
    if is_new:
        return Night(run, "opened", run)
    outcome: Literal["reopened", "there"] = "reopened" if runs.reopen_failed(session, run) else "there"
    joined_to = run.counts.get("joined_to")
    return Night(run, outcome, session.get_one(Run, joined_to) if joined_to else run)
