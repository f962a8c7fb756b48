"""The options that select images for `tagger reprocess`, each declared once, with its help."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.operations.selection import Selection

All = Annotated[bool, typer.Option("--all", help="Every image.")]
Failed = Annotated[bool, typer.Option("--failed", help="Images without a result, as `tagger failures` lists them.")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="With --failed: for this reason.")]
FailedUnder = Annotated[
    list[str] | None, typer.Option(metavar="V", help="With --failed: under this version of the program.")
]
Missing = Annotated[bool, typer.Option("--missing", help="Images without a tag.")]
LowConfidence = Annotated[bool, typer.Option("--low-confidence", help="Images for review, as the model was unsure.")]
UnlikeTraining = Annotated[
    bool, typer.Option("--unlike-training", help="Images unlike those the model was trained on.")
]
StaleModel = Annotated[bool, typer.Option("--stale-model", help="Images tagged by another model than this one.")]
ModelWas = Annotated[list[str] | None, typer.Option(metavar="M", help="Images tagged by this name or name@version.")]
Categories = Annotated[list[str] | None, typer.Option("--category", metavar="C", help="Images of this category.")]
Prefixes = Annotated[list[str] | None, typer.Option("--prefix", metavar="P", help="Images whose key begins so.")]
Products = Annotated[list[str] | None, typer.Option("--product", metavar="ID", help="Images of this product.")]
Since = Annotated[
    str | None, typer.Option(metavar="T", help="Images new or changed since 2026-11-22, or 2026-11-22T02:00 (UTC).")
]
Runs = Annotated[list[str] | None, typer.Option("--run", metavar="R", help="Images that this run worked on.")]
Keys = Annotated[Path | None, typer.Option(help="Images whose keys are the lines of this file; - is standard input.")]


def moment(text: str | None) -> str | None:
    """Return a date or time as ISO 8601 with a zone, UTC unless it has one. Raises BadParameter."""
    if text is None:
        return None
    from worker.operations import selecting

    try:
        return selecting.moment(text)
    except selecting.SelectionWrong as error:
        raise typer.BadParameter(str(error), param_hint=error.option) from None


def keys_of(file: Path | None) -> tuple[str, ...]:
    """Read the keys in a file, one a line, each once. Raises BadParameter."""
    if file is None:
        return ()
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read ({error})", param_hint="--keys") from None
    keys = dict.fromkeys(line for line in text.splitlines() if line.strip())
    if not keys:
        raise typer.BadParameter(f"{file} has no keys in it", param_hint="--keys")
    return tuple(keys)


def check(session: Session, selection: Selection) -> None:
    """Raise BadParameter for what the catalogue does not know: a misspelt name must not mean nothing to do."""
    from worker.operations import selecting

    try:
        selecting.check(session, selection)
    except selecting.SelectionWrong as error:
        raise typer.BadParameter(str(error), param_hint=error.option) from None
