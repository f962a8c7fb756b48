"""`tagger model inspect`: check labelled photographs before training."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import load_settings, open_catalogue
from cli.options import DATA, IMAGES, AsJson
from cli.output import say, tell

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from model.data.inspection.inspect import Inspection
    from model.data.photographs import Photograph
    from worker.settings import Settings


def inspect(
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA)],
    images: Annotated[str | None, typer.Option(metavar="FOLDER_OR_S3", help=IMAGES)] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(metavar="CATEGORY", help="A category to ignore; may be given again.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write inspection.html, with pictures, and inspection.json to this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check labelled photographs for problems before training. Nothing is changed."""
    _check_out(out, data)
    settings = load_settings()
    photographs, _ = open_photographs(data, images, settings, leave_out or [])
    _check_installed(out)
    inspection = run_inspection(data, photographs, settings, leave_out or [])
    report = _report(out, inspection, photographs) if out else {}
    if as_json:
        typer.echo(json.dumps(inspection.as_json() | report, ensure_ascii=False))
    else:
        for line in (*inspection.lines(), *(f"report: {page}" for page in report.values())):
            say(line)
    if inspection.stops:
        raise typer.Exit(1)


def open_photographs(
    data: str, images: str | None, settings: Settings, leave_out: Collection[str]
) -> tuple[list[Photograph], list[Photograph]]:
    """Open what the arguments DATA and --images name: the photographs, and apart those of categories in `leave_out`.

    Raises DataUnusable, typer.BadParameter, and StorageError for a store that cannot be used.
    """
    from worker import labelled_photographs

    _check_source(data, images)
    photographs = labelled_photographs.open_photographs(
        data, images, settings, open_catalogue=lambda: open_catalogue(settings, read_only=True), announce=tell
    )
    names = sorted({photograph.category for photograph in photographs})
    for name in leave_out:
        if name not in names:
            message = f"there is no category {name!r}; the categories are {', '.join(names)}"
            raise typer.BadParameter(message, param_hint="--leave-out")
    included = [photograph for photograph in photographs if photograph.category not in leave_out]
    return included, [photograph for photograph in photographs if photograph.category in leave_out]


def run_inspection(
    data: str, photographs: Sequence[Photograph], settings: Settings, leave_out: Collection[str] = ()
) -> Inspection:
    """Inspect the photographs of `data` behind a progress bar."""
    from cli.progress import counter
    from model.data.inspection.folder_checks import check_folder
    from model.data.inspection.inspect import inspect
    from worker.labelled_photographs import is_folder

    with counter("inspecting photographs", len(photographs)) as advance:
        return inspect(
            photographs,
            limits=settings.decode_limits,
            folder_findings=check_folder(Path(data), leave_out) if is_folder(data) else [],
            threads=settings.io_threads,
            report_progress=lambda *_: advance(),
        )


def _check_out(out: Path | None, data: str) -> None:
    """Refuse a report among the photographs: its pictures would be photographs the next time."""
    from worker.labelled_photographs import is_folder

    if out is not None and is_folder(data) and out.resolve().is_relative_to(Path(data).resolve()):
        raise typer.BadParameter("name a folder outside of the photographs", param_hint="--out")


def _check_source(data: str, images: str | None) -> None:
    from worker.labelled_photographs import CATALOGUE, is_table

    if images is not None and not is_table(data):
        raise typer.BadParameter("it goes with a table of keys and categories", param_hint="--images")
    if data != CATALOGUE and not is_table(data) and data.lower().startswith("s3:"):
        message = "a bucket has no categories: name a table of keys and categories, and the bucket with --images"
        raise typer.BadParameter(message, param_hint="DATA")


def _check_installed(out: Path | None) -> None:
    """Raise ModuleNotFoundError before the work, not after it."""
    for name in ("imagehash", *(["jinja2"] if out else [])):
        importlib.import_module(name)


def _report(out: Path, inspection: Inspection, photographs: Sequence[Photograph]) -> dict[str, str]:
    from model.evaluation.report import inspection_page

    return {"report": str(inspection_page.write(out, inspection, photographs))}
