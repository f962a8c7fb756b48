"""`tagger nightly`: open the night of a date by hand; without a broker, do its work as well."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import actor, load_settings, open_catalogue, refuse
from cli.options import AsLastLine

if TYPE_CHECKING:
    from datetime import date

    from db.session import Sessions
    from worker.operations.nights import Night
    from worker.settings import Settings

Date = Annotated[
    datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="The night's date. Default: today's.")
]


def nightly(date: Date = None, as_json: AsLastLine = False) -> None:
    """Open the night of a date, as the schedule does. However often it is called, there is one run for a date."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in `tagger run`
    settings = load_settings()
    if settings.embedded:
        _work(settings, date, as_json=as_json)
    from worker.operations.nights import begin_night

    sessions = open_catalogue(settings, create=True)
    _warn_of_pause(sessions)
    night = begin_night(settings, sessions, _day(settings, sessions, date), requested_by=actor())
    if as_json:
        print(json.dumps(_result(night)))
    else:
        print(_sentence(night))
    _warn_of_nobody(sessions, night)


def _work(settings: Settings, date: datetime | None, *, as_json: bool) -> None:
    """Do a night's work in this process, and end the command."""
    from cli.tagging import left_open
    from cli.tagging.follow import RunHeld, follow
    from cli.tagging.job import Job
    from cli.tagging.run import finish, interruptible, run_result
    from db import runs
    from worker.operations.good_nights import note_good, ping
    from worker.operations.nights import night_source, open_night

    with interruptible():
        job = Job.prepare(night_source(settings), None, needs_broker=False)
        classifiers = job.classifiers()
        day = _day(settings, job.sessions, date)
        _warn_of_pause(job.sessions)
        begun = time.monotonic()
        with job.sessions.begin() as session:
            night = open_night(session, job.store, job.bundle, day, requested_by=actor())
            goes_on = runs.begin_scan(session, night.works_in)
        print(f"tagger: {_sentence(night)}", file=sys.stderr)
        if not goes_on:
            if as_json:
                print(json.dumps(_result(night)))
            raise typer.Exit(0)
        run = night.works_in
        scanned = job.list_source(run, allow_mass_removal=False)
        left_open.adopt(job, run.id, None)
        try:
            counts = follow(job.settings, job.sessions, run.id, classifiers)
        except RunHeld as held:
            _notify(settings, job.sessions)
            raise refuse(str(held), code=1) from None
        seconds = time.monotonic() - begun
    for good in note_good(job.sessions):
        if settings.ping_url is not None:
            ping(settings.ping_url, good)
    _notify(settings, job.sessions)
    result = run_result(job, run.id, scanned, counts, seconds)
    finish(job, result | (_result(night) | {"state": "finished"} if as_json else {}), scanned, counts, as_json=as_json)


def _notify(settings: Settings, sessions: Sessions) -> None:
    """Send what the gate found and the report of the night, as no scheduler may run."""
    from db.operations import schedule
    from db.session import in_transaction
    from scheduler.nights.gate import unusual
    from worker.operations import notify

    if settings.notify is None:
        return
    alerts = in_transaction(
        sessions, lambda session: [a for a in unusual(session) if schedule.tell(session, a.night, a.notice, a.detail)]
    )
    for message in [*map(notify.of_trouble, alerts), *notify.reports(sessions)]:
        notify.deliver(settings, sessions, message)


def _day(settings: Settings, sessions: Sessions, date: datetime | None) -> date:
    """Return the night's date. Raises BadParameter for one that is still to come."""
    from db.session import now, reading

    with reading(sessions) as session:
        today = settings.date_of(now(session))
    if date is not None and date.date() > today:
        message = f"{date:%Y-%m-%d} is still to come: in {settings.timezone} it is {today}"
        raise typer.BadParameter(message, param_hint="--date")
    return today if date is None else date.date()


def _result(night: Night) -> dict[str, Any]:
    joined = night.works_in.logical_key if night.works_in is not night.run else None
    return {
        "run": night.works_in.id,
        "logical_key": night.run.logical_key,
        "outcome": night.outcome,
        "joined": joined,
        "state": night.works_in.state,
    }


def _sentence(night: Night) -> str:
    run, works_in = night.run, night.works_in
    if works_in is not run:
        verb = "has joined" if night.outcome == "joined" else "had joined"
        return f"{run.logical_key} {verb} run {works_in.id} ({works_in.logical_key}), which was not done"
    if night.outcome == "there":
        return f"{run.logical_key} was there already: run {run.id}, {run.state}"
    return f"{run.logical_key} is {'opened' if night.outcome == 'opened' else 'opened again'}: run {run.id}"


def _warn_of_pause(sessions: Sessions) -> None:
    """Say so if the schedule is paused, which keeps nobody from opening a night by hand."""
    from db import actors
    from db.operations import schedule
    from db.session import reading

    with reading(sessions) as session:
        pause = schedule.standing_pause(session)
    if pause is not None:
        by = actors.name_of(pause.actor)
        print(f"tagger: {by} has paused the schedule ({pause.why}); asked for by hand, it is opened", file=sys.stderr)


def _warn_of_nobody(sessions: Sessions, night: Night) -> None:
    """Say so if no scheduler leads that would do what was opened."""
    from db import heartbeats
    from db.session import reading

    with reading(sessions) as session:
        leads = heartbeats.leader(session, heartbeats.SCHEDULER) is not None
    if not leads and night.works_in.state == "planned":
        print("tagger: no scheduler is running, which it waits for: start `tagger scheduler`", file=sys.stderr)
