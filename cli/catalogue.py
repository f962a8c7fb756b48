"""`tagger verify` and `export`: what is in the catalogue."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import load_settings, open_catalogue, refuse
from cli.options import AsJson
from cli.output import tell, visible

if TYPE_CHECKING:
    from cli.export_table import Table
    from db.session import Sessions
    from worker.settings import Settings


class Format(StrEnum):
    """What `tagger export` writes."""

    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


def verify(as_json: AsJson = False) -> None:
    """Check the catalogue's invariants and name every row that breaks one. Exit code 1 if there is any."""
    from dataclasses import asdict

    from cli.progress import counter
    from db.invariants import INVARIANTS, steps
    from db.session import read_with_retry

    sessions = open_catalogue(load_settings(), read_only=True)
    checks = read_with_retry(sessions, steps)
    broken: list[dict[str, Any]] = []
    with counter("checking", len(checks)) as advance:
        for check in checks:
            broken += map(asdict, read_with_retry(sessions, check.violations))
            advance()
    if as_json:
        print(json.dumps({"ok": not broken, "violations": broken}))
    elif broken:
        for row in broken:
            tell(f"{row['invariant']} {row['table']} {row['row_id']}: {row['detail']}")
        print(f"{len(broken)} rows break an invariant:", file=sys.stderr)
        for name in sorted({row["invariant"] for row in broken}):
            print(f"  {name}: {INVARIANTS[name]}", file=sys.stderr)
    else:
        print(f"All {len(INVARIANTS)} invariants hold.")
    raise typer.Exit(1 if broken else 0)


def export(
    format: Annotated[Format, typer.Option(help="csv, jsonl or parquet.")] = Format.csv,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A file, or s3://bucket/prefix/. Default: standard output."
        ),
    ] = None,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    needs_review: Annotated[bool, typer.Option("--needs-review", help="Only images for review.")] = False,
    since: Annotated[
        int | None, typer.Option(min=0, metavar="CURSOR", help="Only what changed since; the next cursor is told.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(metavar="TAG", help="Add a column with the category's title, for example in sw.")
    ] = None,
    spreadsheet: Annotated[
        bool, typer.Option("--spreadsheet", help="CSV that a spreadsheet opens safely: no cell is a formula.")
    ] = False,
) -> None:
    """Write the tags, a row per image: bucket, key, product, category, confidence, review flag, source, model, time."""
    from cli.export_table import Table
    from cli.exporting import check_target, is_s3, read, read_changes, titles

    if format is Format.parquet and output is None:
        raise typer.BadParameter("parquet is binary: name a file with -o", param_hint="--format")
    if spreadsheet and format is not Format.csv:
        raise typer.BadParameter("a spreadsheet opens csv", param_hint="--spreadsheet")
    if since is not None and (category is not None or needs_review):
        raise typer.BadParameter("what leaves a selection is a change, too: leave the others out", param_hint="--since")
    settings = load_settings()
    if output is not None:
        check_target(output, settings)
    title_of = titles(settings, language) if language else None
    to_s3 = output is not None and is_s3(output)
    sessions = open_catalogue(settings, read_only=since is None and not to_s3)
    cursor = _newest(sessions, since or 0) if since is not None or to_s3 else None
    if since is None:
        rows = read(sessions, category=category, needs_review=needs_review)
    else:
        rows = read_changes(sessions, since, cursor or 0)
    table = Table(rows, format.value, title_of, changes=since is not None, spreadsheet=spreadsheet)
    count = _write(table, output, settings, since=since, cursor=cursor)
    if not count and category is not None:
        _check_category(sessions, category)


def _newest(sessions: Sessions, since: int) -> int:
    from db import changes
    from db.session import in_transaction

    last_given, newest = (in_transaction(sessions, ask) for ask in (changes.last_given, changes.newest))
    if since > max(last_given, newest):
        message = (
            f"the catalogue has not come to {since} yet: it is another one, or an older backup of the one that gave"
        )
        raise typer.BadParameter(f"{message} this cursor. Begin again with a full export", param_hint="--since")
    return max(since, newest)


def _write(table: Table, output: str | None, settings: Settings, *, since: int | None, cursor: int | None) -> int:
    """Write the rows, and say how many; of changes also the next cursor, alone on standard output if they are not."""
    from cli.exporting import is_s3, write, write_parts

    if output is not None and is_s3(output):
        count = write_parts(table, output, settings, since=since, cursor=cursor)
    else:
        count = write(table, None if output is None else Path(output))
    if since is None:
        if output is not None:
            tell(f"{count:,} rows in {output}")
    elif output is None:
        tell(f"tagger: {count:,} images changed; the next cursor is {cursor}")
    else:
        print(cursor)
        tell(f"tagger: {count:,} images changed; they are in {output}")
    return count


def _check_category(sessions: Sessions, category: str) -> None:
    """Raise what ends the command if no image has ever had this category."""
    from db import catalogue
    from db.session import reading

    with reading(sessions) as session:
        categories = catalogue.categories(session)
    if category not in categories:
        there_are = f"there are {', '.join(categories)}" if categories else "nothing is tagged yet"
        raise refuse(f"no image has the category {category!r}; {there_are}", code=1)


def print_table(rows: list[dict[str, Any]], *, empty: str = "") -> None:
    """Print a table with the keys of the rows as its headings, or the sentence `empty`.

    Where no terminal is, each row is a line, its fields between tabs.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = list(rows[0]) if rows else []
    cells = [["" if value is None else visible(str(value)) for value in row.values()] for row in rows]
    if rows and not sys.stdout.isatty():
        for line in [columns, *cells]:
            print("\t".join(line))
        return
    table = Table()
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console().print(table if rows else empty)
