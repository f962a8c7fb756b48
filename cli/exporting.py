"""Streamed export of tags as CSV, JSON Lines or Parquet; a file is written aside and renamed."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from io import BufferedWriter, TextIOWrapper
from itertools import islice
from pathlib import Path
from stat import S_IMODE
from typing import IO, TYPE_CHECKING, Any, TextIO

import typer

from cli.context import refuse
from cli.output import visible
from db.catalogue import EXPORT_COLUMNS, export_page
from db.session import Sessions, read_with_retry

if TYPE_CHECKING:
    from worker.settings import Settings

TITLE = "title"  # the column that `--language` adds, after all others
DELETED = "deleted"  # the column that `--since` adds: the image is gone, or its tag was withdrawn
_BATCH = 20_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TYPES: dict[str, Callable[[Any], Any]] = {"confidence": float, "needs_review": bool, DELETED: bool}
_BOOLEANS = {True: "true", False: "false"}
_BYTE_ORDER_MARK = "\ufeff"


def titles(settings: Settings, language: str) -> Callable[[str], str]:
    """Return a function from category to title, by the taxonomy that is set. Raises BadSettings, TaxonomyWrong."""
    from worker.bootstrap import taxonomy_of
    from worker.settings import BadSettings

    taxonomy = taxonomy_of(settings)
    if taxonomy is None:
        raise BadSettings("titles come from the shop's own categories: set TAGGER_TAXONOMY to their file")
    if not taxonomy.speaks(language):
        message = f"{taxonomy.path} has no titles in {language!r}; it has {', '.join(taxonomy.languages) or 'none'}"
        raise typer.BadParameter(message, param_hint="--language")
    return cache(lambda category: taxonomy.title(category, language))


def read(sessions: Sessions, **selection: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of an export, read some thousand at a time: no transaction is open while they are written."""
    after = ("", "")
    while page := read_with_retry(sessions, partial(export_page, after=after, **selection)):
        yield from page
        after = (page[-1]["bucket"], page[-1]["key"])


def read_changes(sessions: Sessions, since: int, until: int) -> Iterator[dict[str, Any]]:
    """Yield the images whose tags changed between two cursors, some thousand events at a time."""
    from db import changes

    while since < until:
        rows, since = read_with_retry(sessions, partial(changes.page, after=since, until=until))
        yield from rows


def check_output(output: Path) -> None:
    """Raise what ends the command if there cannot be a file of this name."""
    if output.is_dir():
        raise refuse(f"{output} is a folder: name a file in it, with -o {output / 'tags.csv'} for example", code=3)
    if not output.parent.is_dir():
        raise refuse(f"{output.parent}, where {output.name} was to be written, is no folder: make it", code=3)


def write(
    rows: Iterable[dict[str, Any]],
    format: str,
    output: Path | None,
    title_of: Callable[[str], str] | None = None,
    *,
    changes: bool = False,
    spreadsheet: bool = False,
) -> int:
    """Write the rows, with titles if asked, and return their number. With `spreadsheet`, as one opens CSV safely."""
    plain: Iterator[dict[str, Any]] = (_plain(row) for row in rows)
    columns: tuple[str, ...] = (*EXPORT_COLUMNS, DELETED) if changes else EXPORT_COLUMNS
    if title_of is not None:
        columns = (*columns, TITLE)
        plain = (row | {TITLE: title_of(row["category"]) if row["category"] else None} for row in plain)
    if spreadsheet:
        plain = (_no_formulas(row) for row in plain)
    if output is None:
        sys.stdout.write(_BYTE_ORDER_MARK * spreadsheet)
        return _write_text((_shown(row) for row in plain) if format == "csv" else plain, format, sys.stdout, columns)
    with open_output(output) as file:
        if format == "parquet":
            return _write_parquet(plain, file, columns)
        with TextIOWrapper(file, encoding="utf-8", newline="") as text:
            text.write(_BYTE_ORDER_MARK * spreadsheet)
            return _write_text(plain, format, text, columns)


@contextmanager
def open_output(output: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears whole or not at all, with the rights of the one it replaces.

    A link, a pipe and a device are written through: nothing may stand in their place.
    """
    if output.is_symlink() or (output.exists() and not output.is_file()):
        with output.open("wb") as file:
            yield file
        return
    aside = output.with_name(f".{output.name}.{os.getpid()}.part")
    file = _new_file(aside, output)
    try:
        with file:
            yield file
        aside.replace(output)
    finally:
        aside.unlink(missing_ok=True)


def _new_file(aside: Path, output: Path) -> BufferedWriter:
    try:
        file = aside.open("wb")
        if output.exists():
            os.fchmod(file.fileno(), S_IMODE(output.stat().st_mode))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(output)) from error
    return file


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Convert to JSON's types: confidence a float, needs_review a boolean, tagged_at ISO 8601 with its zone."""
    values = {"tagged_at": row["tagged_at"].isoformat()}
    values |= {name: kind(row[name]) for name, kind in _TYPES.items() if row.get(name) is not None}
    return row | values


def _no_formulas(row: dict[str, Any]) -> dict[str, Any]:
    """Put an apostrophe before cells that a spreadsheet would run as a formula."""
    return {name: f"'{cell}" if str(cell).startswith(_FORMULA) else cell for name, cell in row.items()}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: visible(cell) if isinstance(cell, str) else cell for name, cell in row.items()}


class _UnixLines:
    """Lines that end in a line feed alone, from a writer that quotes both characters of its own line end."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> None:
        """Write what csv calls this with: a whole row."""
        self._file.write(line.removesuffix("\r\n") + "\n")


def _write_text(rows: Iterator[dict[str, Any]], format: str, file: TextIO, columns: Sequence[str]) -> int:
    writer = csv.DictWriter(_UnixLines(file), columns, lineterminator="\r\n")
    if format == "csv":
        writer.writeheader()
    count = 0
    for row in rows:
        count += 1
        if format == "csv":
            writer.writerow(
                {name: _BOOLEANS.get(cell, cell) if isinstance(cell, bool) else cell for name, cell in row.items()}
            )
        else:
            file.write(visible(json.dumps(row, ensure_ascii=False)) + "\n")
    return count


def _write_parquet(rows: Iterator[dict[str, Any]], file: IO[bytes], columns: Sequence[str]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        from worker.settings import BadSettings

        raise BadSettings("parquet needs an extra: pip install 'catalogue-tagger[parquet]'") from None
    types = {"confidence": pa.float64(), "needs_review": pa.bool_(), DELETED: pa.bool_()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in columns])
    count = 0
    with pq.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, _BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count
