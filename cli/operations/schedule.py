"""`tagger schedule`: say when nights begin, and pause and resume them."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.catalogue import print_table
from cli.context import actor, catalogue_if_any, load_settings, open_catalogue
from cli.errors import ReportingGroup
from cli.options import AsJson

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]

By = Annotated[str | None, typer.Option(help="Who does it. Default: the user of this computer.")]

app = typer.Typer(cls=ReportingGroup, invoke_without_command=True, epilog="Example: tagger schedule --json")


@app.callback()
def show(
    context: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Exit code 1 if the last night is absent, late or was not done in time.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say in words when nights begin, list the next five, tell who has paused them and what is wrong."""
    if context.invoked_subcommand is not None:
        return
    from worker.watching.schedule import collect

    settings = load_settings()
    shown = collect(settings, catalogue_if_any(settings))
    if as_json:
        print(json.dumps(shown))
    else:
        _print(shown)
    raise typer.Exit(1 if check and shown["alert"] else 0)


def _print(shown: dict[str, Any]) -> None:
    print(f"{shown['in_words']} ({shown['timezone']})" if shown["cron"] else "No night begins by itself: it is off.")
    for row in shown["next"]:
        row["clocks"] = row["clocks"] or ""
    print_table(shown["next"])
    for line in _remarks(shown):
        print(line, file=sys.stderr)


@app.command(epilog="Example: tagger schedule pause --why 'stocktaking' --until 2026-12-01")
def pause(
    why: Annotated[str, typer.Option(help="Why no night is to begin.")],
    until: Annotated[
        datetime | None, typer.Option(formats=_FORMATS, help="Until when, in TAGGER_TIMEZONE. Default: until resumed.")
    ] = None,
    by: By = None,
) -> None:
    """Let no night begin by itself until somebody resumes, or until a time. Runs that have begun go on."""
    from db import actors
    from db.operations import schedule
    from db.session import now
    from worker.configuration.calendar import zone_of

    if not why.strip():
        raise typer.BadParameter("say why, for whoever wonders where the nights are", param_hint="--why")
    settings = load_settings()
    ends = until.replace(tzinfo=zone_of(settings.timezone)).astimezone(UTC) if until else None
    with open_catalogue(settings, create=True).begin() as session:
        if ends is not None and ends <= now(session):
            raise typer.BadParameter("that is over already", param_hint="--until")
        who = actors.of_person(by) if by else actor()
        schedule.pause(session, actor=who, why=why.strip(), until=ends)
    print(
        f"No night begins by itself {f'before {until:%Y-%m-%d %H:%M}' if until else 'until `tagger schedule resume`'}."
    )


@app.command(epilog="Example: tagger schedule resume")
def resume(by: By = None) -> None:
    """Let nights begin by themselves again. One that was due meanwhile is caught up within TAGGER_CATCH_UP_H."""
    from db import actors
    from db.operations import schedule

    with open_catalogue(load_settings()).begin() as session:
        ended = schedule.resume(session, actor=actors.of_person(by) if by else actor())
    print("Nights begin by themselves again." if ended else "Nothing was paused.")


def _remarks(shown: dict[str, Any]) -> list[str]:
    from worker.watching.schedule import ALERTS

    remarks = []
    if shown["cron"] and shown["source"] is None:
        remarks.append("tagger: no night begins, as TAGGER_SOURCE is not set")
    if shown["paused"]:
        pause = shown["paused"]
        until = f"until {pause['until']}" if pause["until"] else "until `tagger schedule resume`"
        remarks.append(f"tagger: {pause['by']} has paused the schedule {until}: {pause['why']}")
    if shown["last_night"]:
        remarks.append(f"tagger: the last one, {shown['last_night']['night']}, is {shown['last_night']['state']}")
    if shown["alert"]:
        remarks.append(f"tagger: {shown['alert']['night']} {ALERTS[shown['alert']['kind']]}")
    return remarks
