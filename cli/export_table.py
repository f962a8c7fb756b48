"""The table of an export: its columns, and its rows as CSV, JSON Lines or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice
from typing import IO, Any, TextIO

from cli.output import visible
from db.catalogue import EXPORT_COLUMNS

TITLE = "title"  # the column that `--language` adds, after all others
DELETED = "deleted"  # the column that `--since` adds: the image is gone, or its tag was withdrawn
_BATCH = 20_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TYPES: dict[str, Callable[[Any], Any]] = {"confidence": float, "needs_review": bool, DELETED: bool}
_BOOLEANS = {True: "true", False: "false"}
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Table:
    """The rows of an export and how they are written. With `spreadsheet`, as one opens CSV safely."""

    rows: Iterable[dict[str, Any]]
    format: str
    title_of: Callable[[str], str] | None = None
    changes: bool = False
    spreadsheet: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        added = (DELETED,) * self.changes + (TITLE,) * (self.title_of is not None)
        return (*EXPORT_COLUMNS, *added)

    def plain(self) -> Iterator[dict[str, Any]]:
        """Yield the rows in JSON's types, with titles if asked."""
        for row in map(_plain, self.rows):
            if self.title_of is not None:
                row[TITLE] = self.title_of(row["category"]) if row["category"] else None
            yield _no_formulas(row) if self.spreadsheet else row

    def write(self, rows: Iterator[dict[str, Any]], file: IO[bytes]) -> int:
        """Write these of the plain rows, and return their number. The file stays open."""
        if self.format == "parquet":
            return _write_parquet(rows, file, self.columns)
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            return self.write_text(rows, text)
        finally:
            text.detach()

    def write_text(self, rows: Iterator[dict[str, Any]], text: TextIO) -> int:
        text.write(_BYTE_ORDER_MARK * self.spreadsheet)
        return _write_text(rows, self.format, text, self.columns)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Convert to JSON's types: confidence a float, needs_review a boolean, tagged_at ISO 8601 with its zone."""
    values = {"tagged_at": row["tagged_at"].isoformat()}
    values |= {name: kind(row[name]) for name, kind in _TYPES.items() if row.get(name) is not None}
    return row | values


def _no_formulas(row: dict[str, Any]) -> dict[str, Any]:
    """Put an apostrophe before cells that a spreadsheet would run as a formula."""
    return {name: f"'{cell}" if str(cell).startswith(_FORMULA) else cell for name, cell in row.items()}


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
