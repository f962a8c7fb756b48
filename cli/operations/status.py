"""`tagger status`: what is in the catalogue and what moves in it, once or again and again."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import load_settings, open_catalogue
from cli.options import AsJson
from cli.output import print_pairs, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

REDRAWN_S = 2.0


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Redraw every 2 seconds until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show images by state, unfinished runs with their pace, workers, queues, the last night and its deadline."""
    from worker.watching.watched import Watched

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
    said += f": {run['error']}" if "error" in run else ""
    return said + (f", held by the gate: {run['gate']}" if "gate" in run else "")


def _last_night(night: dict[str, Any]) -> str:
    said = f"{night['night']} is {night['state']}"
    left_s = night["deadline_seconds_left"]
    if left_s is not None:
        said += f", deadline in {_duration(left_s)}" if left_s >= 0 else f", {_duration(-left_s)} over its deadline"
    return said


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
