"""Streamed export of tags as CSV, JSON Lines or Parquet; a file is written aside and renamed."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from db.catalogue import EXPORT_COLUMNS

if TYPE_CHECKING:
    from worker.settings import Settings

TITLE = "title"  # the column that `--language` adds, after all others
_BATCH = 20_000


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


def write(
    rows: Iterable[Mapping[str, Any]], format: str, output: Path | None, title_of: Callable[[str], str] | None = None
) -> int:
    """Write the rows, with titles if asked, and return their number. A file appears whole or not at all."""
    plain: Iterator[dict[str, Any]] = (_plain(row) for row in rows)
    columns: tuple[str, ...] = EXPORT_COLUMNS
    if title_of is not None:
        columns = (*EXPORT_COLUMNS, TITLE)
        plain = (row | {TITLE: title_of(row["category"])} for row in plain)
    if output is None:
        return _write_text(plain, format, sys.stdout, columns)
    aside = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        if format == "parquet":
            count = _write_parquet(plain, aside, columns)
        else:
            with aside.open("w", encoding="utf-8", newline="") as file:
                count = _write_text(plain, format, file, columns)
        aside.replace(output)
    finally:
        aside.unlink(missing_ok=True)
    return count


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Convert to JSON's types: confidence a float, needs_review a boolean, tagged_at ISO 8601 with its zone."""
    return {**row, "confidence": float(row["confidence"]), "tagged_at": row["tagged_at"].isoformat()}


def _write_text(rows: Iterator[dict[str, Any]], format: str, file: TextIO, columns: Sequence[str]) -> int:
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    if format == "csv":
        writer.writeheader()
    count = 0
    for row in rows:
        count += 1
        if format == "csv":
            writer.writerow(row | {"needs_review": "true" if row["needs_review"] else "false"})
        else:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return count


def _write_parquet(rows: Iterator[dict[str, Any]], path: Path, columns: Sequence[str]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        from worker.settings import BadSettings

        raise BadSettings("parquet needs an extra: pip install 'catalogue-tagger[parquet]'") from None
    types = {"confidence": pa.float64(), "needs_review": pa.bool_()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in columns])
    count = 0
    with pq.ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, _BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count
