"""`tagger report`: what a night or another run came to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.catalogue import print_table
from cli.context import load_settings, open_catalogue, refuse
from cli.operations.runs import find_run
from cli.options import AsJson

if TYPE_CHECKING:
    from worker.settings import Settings

_KINDS = ("nightly", "scan", "reprocess")
"""The last night, or else the last run of the next kind."""
_UNSURE = 24


def report(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Its id or logical key.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="An HTML file with all of it and the least certain images.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Report what a run, or else the last night, saw, tagged, flagged and failed, beside the runs before it."""
    from cli.exporting import check_output
    from db.reporting import history
    from db.session import reading
    from worker.operations.report import collect

    if output is not None:
        check_output(output)
    settings = load_settings()
    with reading(open_catalogue(settings, read_only=True)) as session:
        reported = find_run(session, run) if run is not None else history.last(session, _KINDS)
        if reported is None:
            raise refuse("no run has tagged anything yet; `tagger run` does", code=1)
        cost = settings.cost_per_hour
        data = collect(session, reported, unsure=_UNSURE, cost_per_hour=cost)
    if output is not None:
        _write(data, output, settings)
    if as_json:
        print(json.dumps(data))
    elif output is None:
        _print(data)


def _write(data: dict[str, Any], output: Path, settings: Settings) -> None:
    from cli.exporting import open_output
    from worker.bootstrap import Stores
    from worker.operations.report_page import render

    page = render(data, Stores(settings), settings.decode_limits)
    with open_output(output) as file:
        file.write(page.encode())


def _print(data: dict[str, Any]) -> None:
    rows = [{"": name.replace("_", " "), "value": value} for name, value in data["run"].items() if value is not None]
    rows += [{"": name.replace("_", " "), "value": n} for name, n in data["figures"].items() if n is not None]
    rows += [{"": f"failed: {reason}", "value": n} for reason, n in data["failed_by_reason"].items()]
    rows += [{"": f"for review: {reason}", "value": n} for reason, n in data["flagged_by_reason"].items()]
    rows.append({"": "shift of the confidences", "value": data["drift"]["shift"]})
    print_table(rows)
    print_table([dict(row) for row in data["categories"]])
    for note in data["notes"]:
        print(f"{note['at']:.16} {note['run']}, {note['by']}: {note['text']}")
