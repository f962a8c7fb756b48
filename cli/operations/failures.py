"""`tagger failures`: why images have no tag, a reason a line with what to do about it, or image by image."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.catalogue import print_table
from cli.context import load_settings, open_catalogue
from cli.options import AsJson


def failures(
    reason: Annotated[str | None, typer.Option(help="Only this reason, for example corrupt.")] = None,
    keys: Annotated[bool, typer.Option("--keys", help="List the images instead of counting them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show why images have no tag, including those that wait for another try: a reason a line, with what to do."""
    from db import catalogue
    from db.schema.vocabulary import REASONS
    from db.session import reading
    from worker.watching.remedies import REMEDIES

    if reason is not None and reason not in REASONS:
        raise typer.BadParameter(f"{reason!r} is not one of the reasons {', '.join(REASONS)}", param_hint="--reason")
    find = catalogue.failures if keys or as_json else catalogue.failures_by_reason
    with reading(open_catalogue(load_settings(), read_only=True)) as session:
        rows = [dict(row._mapping) for row in find(session, reason)]
    if as_json:
        print(json.dumps(rows))
        return
    if not keys:
        rows = [row | {"what to do": REMEDIES[row["reason"]]} for row in rows]
    print_table(rows, empty="No image failed.")
