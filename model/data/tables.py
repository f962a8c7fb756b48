"""Tables of labelled photographs: CSV with the columns key and category, or JSON Lines with the same keys."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from model.data.photographs import SPLITS, DataUnusable, Photograph, SplitName
from model.data.products import product_of

REQUIRED = ("key", "category")
KNOWN = (*REQUIRED, "split", "product")
JSON_LINES = (".jsonl", ".ndjson", ".json")


def is_table(path: Path) -> bool:
    """Return whether the file name is that of a table."""
    return path.suffix.lower() in (".csv", *JSON_LINES)


def of_table(
    file: Path, read_of_key: Callable[[str], Callable[[], bytes]], product_pattern: str | None = None
) -> list[Photograph]:
    """Read a photograph from each row, in order: `key`, `category` and, where the row has them, `split` and `product`.

    Where a row names no product, `product_pattern` finds it in the key. Repeated rows count once. Raises DataUnusable
    with the number of the wrong line, or for a table with nothing to train on.
    """
    rows = _rows_of_csv(file) if file.suffix.lower() == ".csv" else _rows_of_json_lines(file)
    first_of_key: dict[str, tuple[int, dict[str, str]]] = {}
    for line, row in rows:
        _check(file, line, row)
        first_line, first = first_of_key.setdefault(row["key"], (line, row))
        for name in (name for name in KNOWN if first.get(name) != row.get(name)):
            values = f"{first.get(name, '')!r} in line {first_line}, {row.get(name, '')!r} here"
            raise _wrong(file, line, f"the {name} of {row['key']!r} is {values}: keep one of them")
    photographs = [_photograph(row, read_of_key, product_pattern) for _, row in first_of_key.values()]
    if not photographs:
        raise DataUnusable(f"{file} holds no photograph: write a line for each, with its key and its category")
    if not any(photograph.split in (None, "train") for photograph in photographs):
        raise DataUnusable(f"{file} has no row to train on: leave the split empty, or write train, in some")
    return photographs


def _photograph(
    row: dict[str, str], read_of_key: Callable[[str], Callable[[], bytes]], pattern: str | None
) -> Photograph:
    key = row["key"]
    split = cast(SplitName | None, row.get("split"))
    return Photograph(key, row["category"], read_of_key(key), split, row.get("product") or product_of(key, pattern))


def _check(file: Path, line: int, row: dict[str, str]) -> None:
    for name in REQUIRED:
        if not row.get(name, "").strip():
            raise _wrong(file, line, f"the {name} is empty: fill it in, or remove the line")
    if "split" in row and row["split"] not in SPLITS:
        raise _wrong(file, line, f"the split {row['split']!r} is unknown: write train, validation or test, or nothing")


def _rows_of_csv(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Read line numbers and rows, with the non-empty cells of the KNOWN columns."""
    reader = csv.DictReader(io.StringIO(_text(file), newline=""), strict=True)
    try:
        columns = reader.fieldnames or ()
        missing = [name for name in REQUIRED if name not in columns]
        if missing:
            present = f"the columns are {', '.join(map(repr, columns))}" if columns else "the file is empty"
            raise _wrong(file, 1, f"there is no column {' and no column '.join(missing)}; {present}: add it here")
        for row in reader:
            if None in row:
                raise _wrong(
                    file, reader.line_num, "it has more cells than there are columns: quote cells with a comma"
                )
            yield reader.line_num, {name: row[name] for name in KNOWN if row.get(name)}
    except csv.Error as error:
        raise _wrong(file, reader.reader.line_num, f"it is not valid CSV ({error}): correct it") from error


def _rows_of_json_lines(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(_text(file).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _wrong(file, number, f"it is not valid JSON ({error}): write an object in each line") from error
        yield number, _texts(file, number, row)


def _texts(file: Path, line: int, row: Any) -> dict[str, str]:
    if not isinstance(row, dict):
        raise _wrong(file, line, 'it is not an object: write {"key": …, "category": …} in each line')
    cells = {name: row[name] for name in KNOWN if row.get(name) is not None}
    for name, value in cells.items():
        if not isinstance(value, str):
            raise _wrong(file, line, f"the {name} {value!r} is not text: put it in quotes")
    return {name: value for name, value in cells.items() if value}


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataUnusable(f"{file} cannot be read ({error.strerror or error}): name another table") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _wrong(file, line, "it is not UTF-8: save the table in that encoding") from error


def _wrong(file: Path, line: int, what: str) -> DataUnusable:
    return DataUnusable(f"{file}, line {line}: {what}")
