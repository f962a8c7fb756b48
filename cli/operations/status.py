"""`tagger status`: what is in the catalogue and what moves in it, once or again and again."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import load_settings, open_catalogue
from cli.options import AsJson
from cli.output import print_pairs, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from db.session import Sessions
    from scheduler.monitoring.health import Pace
    from worker.settings import Settings

REDRAWN_S = 2.0


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Redraw every 2 seconds until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show images by state, unfinished runs with their pace, workers, queues, the last night and its deadline."""
    settings = load_settings()
    watched = Watched(settings, open_catalogue(settings, read_only=True))
    if as_json:
        print(json.dumps(watched.look()))
        return
    from rich.live import Live

    if not watch:
        print_pairs(_rows(watched.look()), title="Catalogue")
        return
    with Live(_table(watched.look()), auto_refresh=False) as live:
        try:
            while True:
                time.sleep(REDRAWN_S)
                live.update(_table(watched.look()), refresh=True)
        except KeyboardInterrupt:
            return


@dataclass
class Watched:
    """The catalogue as one looks at it, and how fast its runs have been since one began to."""

    settings: Settings
    sessions: Sessions
    paces: dict[int, Pace] = field(default_factory=dict)

    def look(self) -> dict[str, Any]:
        """Collect the status, and what a watch adds to it."""
        from db.reporting import watch
        from db.session import reading
        from db.status import status

        doorbells = self._doorbells()
        with reading(self.sessions) as session:
            snapshot = status(session)
            snapshot["stuck"] += self._without_bundle(session)
            snapshot["runs"] = self._with_pace(session, snapshot["runs"])
            snapshot["oldest_waiting_s"] = watch.oldest_waiting_s(session)
            snapshot["night"] = self._night(session)
        for name, queue in snapshot["queues"].items():
            queue["doorbells"] = doorbells.get(name)
        return snapshot

    def _without_bundle(self, session: Session) -> Iterator[dict[str, Any]]:
        """Look for models that images wait for, and that no worker on this host could load."""
        from db.status import waiting_models
        from worker.bundle_lookup import is_here

        for model, items in waiting_models(session):
            if not is_here(model, self.settings.bundle_folders):
                yield {"items": items, "why": f"their bundle {model.bundle_id} is in no folder of TAGGER_BUNDLES here"}

    def _doorbells(self) -> dict[str, int]:
        if self.settings.embedded:  # importing Celery takes a third of a second
            return {}
        from worker.celery import depths

        return depths(self.settings)

    def _with_pace(self, session: Session, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add to each run how far it is and how fast: lately, if one watches, or else on average so far."""
        from db.reporting import watch
        from db.session import now
        from scheduler.monitoring.health import Pace

        current, progress = now(session), {run.run_id: run for run in watch.progress(session)}
        for run in runs:
            far = progress.get(run["id"])
            if far is None:
                continue
            pace = self.paces.setdefault(far.run_id, Pace())
            pace.add(time.monotonic(), far.run_id, done=far.done, left=far.left)
            so_far_s = max((current - datetime.fromisoformat(run["created_at"])).total_seconds(), 1.0)
            rate = (pace.per_second() or far.done / so_far_s) if far.moves else 0.0
            run |= {"done": far.done, "open": far.left, "images_per_second": round(rate, 1)}
            run["seconds_left"] = round(far.left / rate) if rate else None
        return runs

    def _night(self, session: Session) -> dict[str, Any] | None:
        from db.operations import schedule
        from db.session import now
        from scheduler.nights.deadlines import last_night

        current = now(session)
        night = last_night(session, self.settings, current)
        if night is None:
            return None
        run, deadline = night.run, night.deadline
        left_s = round((deadline - current).total_seconds()) if deadline else None
        return {
            "night": night.key,
            "due_at": night.due_at.isoformat(),
            "run": run.id if run else None,
            "state": run.state if run else "absent",
            "finished_at": run.finished_at.isoformat() if run and run.finished_at else None,
            "deadline": deadline.isoformat() if deadline else None,
            "deadline_seconds_left": None if run and run.state == "finished" else left_s,
            "told": sorted(schedule.told(session, night.key)),
        }


def _table(snapshot: dict[str, Any]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, title="Catalogue", title_justify="left")
    for name, value in _rows(snapshot):
        table.add_row(name, Text(visible(value)))
    return table


def _rows(snapshot: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for state, count in sorted(snapshot["items"].items()):
        yield f"images {state}", f"{count:,}"
    for run in snapshot["runs"]:
        yield f"run {run['id']} {run['kind']}", _run(run)
    if snapshot["night"]:
        yield "last night", _last_night(snapshot["night"])
    for worker in snapshot["workers"]:
        age = (datetime.now().astimezone() - datetime.fromisoformat(worker["seen_at"])).total_seconds()
        yield f"worker {worker['name']}", f"{worker['slots']} slots, seen {max(age, 0):.0f} s ago"
    yield "scheduler", snapshot["scheduler"] or "none"
    for name, queue in snapshot["queues"].items():
        bells = "" if queue["doorbells"] is None else f", {queue['doorbells']} doorbells"
        yield f"queue {name}", f"{queue['claimable']:,} claimable{bells}"
    if snapshot["oldest_waiting_s"] is not None:
        yield "oldest waiting", _duration(snapshot["oldest_waiting_s"])
    for stuck in snapshot["stuck"]:
        yield "stuck", f"{stuck['items']:,} images: {stuck['why']}"
    for store in snapshot["held_stores"]:
        yield "store outage", f"nobody claims from {store['bucket']} until {store['until']}"


def _run(run: dict[str, Any]) -> str:
    said = f"{run['state']}, {run['seen']:,} seen, {run['new']:,} new"
    if "open" in run:
        said += f", {run['done']:,} done, {run['open']:,} open"
    if run.get("images_per_second"):
        said += f", {run['images_per_second']:g}/s, {_duration(run['seconds_left'])} left"
    return said + (f": {run['error']}" if "error" in run else "")


def _last_night(night: dict[str, Any]) -> str:
    said = f"{night['night']} is {night['state']}"
    left_s = night["deadline_seconds_left"]
    if left_s is not None:
        said += f", deadline in {_duration(left_s)}" if left_s >= 0 else f", {_duration(-left_s)} over its deadline"
    return said


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
