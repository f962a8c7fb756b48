"""Tables of photographs: CSV with the columns key and category, or JSON lines with the same keys."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from model.data.photographs import SPLITS, DataUnusable, Photograph, SplitName, product_of

NEEDED = ("key", "category")
KNOWN = (*NEEDED, "split", "product")
JSON_LINES = (".jsonl", ".ndjson", ".json")


def is_table(path: Path) -> bool:
    """Does its name end like that of a table?"""
    return path.suffix.lower() in (".csv", *JSON_LINES)


def of_table(
    file: Path, read_of_key: Callable[[str], Callable[[], bytes]], product_pattern: str | None = None
) -> list[Photograph]:
    """A photograph a row, in their order: its `key`, its `category` and, where the row says so, `split` and `product`.

    A product that no row names is what `product_pattern` finds in the key. The same row again is left out. Raises
    DataUnusable with the number of the line that is wrong, and for a table in which nothing is to be trained on.
    """
    rows = _rows_of_csv(file) if file.suffix.lower() == ".csv" else _rows_of_json_lines(file)
    seen: dict[str, tuple[int, dict[str, str]]] = {}
    for line, row in rows:
        _check(file, line, row)
        before, same = seen.setdefault(row["key"], (line, row))
        for name in (name for name in KNOWN if same.get(name) != row.get(name)):
            values = f"{same.get(name, '')!r} in line {before}, {row.get(name, '')!r} here"
            raise _wrong(file, line, f"the {name} of {row['key']!r} is {values}: keep one of them")
    found = [_photograph(row, read_of_key, product_pattern) for _, row in seen.values()]
    if not found:
        raise DataUnusable(f"{file} holds no photograph: write a line for each, with its key and its category")
    if not any(each.split in (None, "train") for each in found):
        raise DataUnusable(f"{file} has no row to train on: leave the split empty, or write train, in some")
    return found


def _photograph(
    row: dict[str, str], read_of_key: Callable[[str], Callable[[], bytes]], pattern: str | None
) -> Photograph:
    key = row["key"]
    split = cast(SplitName | None, row.get("split"))
    return Photograph(key, row["category"], read_of_key(key), split, row.get("product") or product_of(key, pattern))


def _check(file: Path, line: int, row: dict[str, str]) -> None:
    for name in NEEDED:
        if not row.get(name, "").strip():
            raise _wrong(file, line, f"the {name} is empty: fill it in, or remove the line")
    if "split" in row and row["split"] not in SPLITS:
        raise _wrong(file, line, f"the split {row['split']!r} is unknown: write train, validation or test, or nothing")


def _rows_of_csv(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines and rows of the columns that are known, empty cells of the others than NEEDED left out."""
    reader = csv.DictReader(io.StringIO(_text(file), newline=""), strict=True)
    try:
        columns = reader.fieldnames or ()
        missing = [name for name in NEEDED if name not in columns]
        if missing:
            there = f"there are {', '.join(map(repr, columns))}" if columns else "the file is empty"
            raise _wrong(file, 1, f"there is no column {' and none '.join(missing)}; {there}: name it in this line")
        for row in reader:
            if None in row:
                raise _wrong(file, reader.line_num, "it has more cells than there are columns: quote those with commas")
            yield reader.line_num, {name: row[name] for name in KNOWN if row.get(name)}
    except csv.Error as error:
        raise _wrong(file, reader.reader.line_num, f"it is no CSV ({error}): mend it") from error


def _rows_of_json_lines(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(_text(file).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _wrong(file, number, f"it is no JSON ({error}): write an object in each line") from error
        yield number, _texts(file, number, row)


def _texts(file: Path, line: int, row: Any) -> dict[str, str]:
    if not isinstance(row, dict):
        raise _wrong(file, line, 'it is no object: write {"key": …, "category": …} in each line')
    found = {name: row[name] for name in KNOWN if row.get(name) is not None}
    for name, value in found.items():
        if not isinstance(value, str):
            raise _wrong(file, line, f"the {name} {value!r} is no text: put it in quotes")
    return {name: value for name, value in found.items() if value}


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
