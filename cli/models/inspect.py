"""`tagger model inspect`: labelled photographs are looked through before a training."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson
from cli.photograph_data import DATA, IMAGES, inspected, open_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.data.inspection.inspect import Inspection
    from model.data.photographs import Photograph


def register(app: typer.Typer) -> None:
    """Add the verb to `tagger model`."""
    example = "Example: tagger model inspect labels.csv --images s3://shop/photos --leave-out hat --out inspection"
    app.command(epilog=example)(inspect)


def inspect(
    data: Annotated[str, typer.Argument(help=DATA)],
    images: Annotated[str | None, typer.Option(metavar="FOLDER_OR_S3", help=IMAGES)] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(metavar="CATEGORY", help="A category not to train on; may be given again."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for inspection.html, with pictures, and inspection.json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with labelled photographs before anything is trained on them. Nothing of them is changed."""
    from cli.context import load_settings

    _check_out(out, data)
    settings = load_settings()
    photographs = open_data(data, images, settings, leave_out or [])
    found = inspected(data, photographs, settings, leave_out or [], tell=False)
    report = _report(out, found, photographs) if out else {}
    if as_json:
        typer.echo(json.dumps(found.as_json() | report, ensure_ascii=False))
    else:
        for line in (*found.lines(), *(f"report: {page}" for page in report.values())):
            typer.echo(line)
    if found.stops:
        raise typer.Exit(1)


def _check_out(out: Path | None, data: str) -> None:
    """Before any work is done for it. Pictures in the folder of the photographs would be photographs the next time."""
    if out is None:
        return
    if Path(data).is_dir() and out.resolve().is_relative_to(Path(data).resolve()):
        raise typer.BadParameter("name a folder outside of the photographs", param_hint="--out")
    importlib.import_module("jinja2")


def _report(out: Path, found: Inspection, photographs: Sequence[Photograph]) -> dict[str, str]:
    from model.evaluation.report import inspection_page

    return {"report": str(inspection_page.write(out, found, photographs))}
