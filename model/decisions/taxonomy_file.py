"""The file of a shop's own categories, as a spreadsheet saves it: CSV, UTF-8, a category a row.

    category,parent,synonyms,title_en,title_sw
    tops,,,Tops,Nguo za juu
    t-shirt,tops,T-shirt/top; tee,T-shirt,Fulana

Here each row is read by itself; what rows say of each other is checked by model.decisions.taxonomy.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model import ModelError
from model.decisions.categories import plain

NEEDED = ("category", "parent", "synonyms")
TITLE = "title_"
_LANGUAGE = re.compile(r"[a-z]{2,8}(-[a-z0-9]{1,8})*")  # the form of BCP 47; nobody looks the language up


class TaxonomyWrong(ModelError):
    """A taxonomy cannot be used; the message names file and line, and says what to do."""


@dataclass(frozen=True, slots=True)
class Category:
    """One of the shop's own categories. `titles` is by language, in lower case; what was left empty is not in it."""

    name: str
    parent: str | None
    synonyms: tuple[str, ...]
    titles: Mapping[str, str]
    line: int


def read(path: Path) -> tuple[tuple[str, ...], tuple[Category, ...]]:
    """The languages there are titles in, and the categories in the order of their rows. Raises TaxonomyWrong."""
    (_, header), *rows = _rows(path)
    columns = [name.lower() for name in header]
    _check_columns(path, columns)
    languages = tuple(name.removeprefix(TITLE) for name in columns if name.startswith(TITLE))
    return languages, tuple(_category(path, line, columns, cells) for line, cells in rows)


def wrong(path: Path, line: int, what: str) -> TaxonomyWrong:
    """To be raised: `what` says what is wrong and what to do."""
    return TaxonomyWrong(f"{path}, line {line}: {what}")


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Line and cells of the header and of at least one row; empty rows, which spreadsheets leave, are skipped."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        found = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise wrong(path, reader.line_num, f"no CSV ({error}): close what a quotation mark opens") from error
    rows = [(line, cells) for line, cells in found if any(cells)]
    if len(rows) < 2:
        raise TaxonomyWrong(f"{path} holds no category: write a line with {', '.join(NEEDED)}, then a category a line")
    return rows


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise TaxonomyWrong(f"{path} cannot be read ({error.strerror or error}): name a CSV file") from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise wrong(path, line, 'not UTF-8: save the file anew as "CSV UTF-8"') from error


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        hint = "; commas separate columns" if len(columns) == 1 else ""
        raise wrong(path, 1, f"no column {', '.join(missing)}: there must be {', '.join(NEEDED)}{hint}")
    for at, name in enumerate(columns):
        if name in columns[:at]:
            raise wrong(path, 1, f"the column {name} is there twice: keep one")
        titled = name.startswith(TITLE) and _LANGUAGE.fullmatch(name.removeprefix(TITLE))
        if name not in NEEDED and not titled:
            raise wrong(path, 1, f"unknown column {name!r}: there may be {', '.join(NEEDED)}, title_en, title_sw …")


def _category(path: Path, line: int, columns: Sequence[str], cells: Sequence[str]) -> Category:
    if len(cells) != len(columns):
        raise wrong(path, line, f"{len(cells)} values for {len(columns)} columns: put what holds commas between quotes")
    of = dict(zip(columns, cells, strict=True))
    synonyms = tuple(each.strip() for each in of["synonyms"].split(";") if each.strip())
    for name in (of["category"], *synonyms):
        if not plain(name):
            raise wrong(path, line, f"{name!r} is no name: write one with letters or digits")
    titles = {name.removeprefix(TITLE): title for name, title in of.items() if name.startswith(TITLE) and title}
    return Category(of["category"], of["parent"] or None, synonyms, titles, line)
