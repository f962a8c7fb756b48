"""`tagger failures`: why images have no tag, a reason a line with what to do about it, or image by image."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.catalogue import print_table
from cli.context import load_settings, open_catalogue
from cli.options import AsJson

REMEDIES = {
    "not_found": "nothing; if it comes back, it is tagged",
    "access_denied": "allow it to be read; the next scans try again",
    "archived": "restore it from the archive; the next scans try again",
    "too_large": "raise TAGGER_MAX_IMAGE_BYTES, if it is meant to be so large",
    "too_many_pixels": "raise TAGGER_MAX_IMAGE_PIXELS, or store it smaller",
    "empty": "upload it again",
    "unsupported_format": "store it as JPEG, PNG or WebP, or leave it out by TAGGER_IGNORE",
    "corrupt": "upload it again",
    "changed_during_read": "nothing; the next scan finds the new version",
    "key_not_supported": "rename it",
    "superseded": "nothing; the new version is queued",
    "store_unavailable": "look at the store, then tagger reprocess --failed --reason store_unavailable",
    "crashed_worker": "report the image, then leave it out; after an upgrade --failed-under tries again",
    "too_slow": "store it smaller, or raise TAGGER_IMAGE_DEADLINE_S",
    "internal": "report it with the worker's log; after an upgrade --failed-under tries again",
}


def failures(
    reason: Annotated[str | None, typer.Option(help="Only this reason, for example corrupt.")] = None,
    keys: Annotated[bool, typer.Option("--keys", help="List the images instead of counting them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show why images have no tag, including those that wait for another try: a reason a line, with what to do."""
    from db import catalogue
    from db.schema.vocabulary import REASONS
    from db.session import reading

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
