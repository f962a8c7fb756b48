"""The file of a shop's own categories, as spreadsheets save it: CSV, UTF-8, a category a row.

    category,parent,synonyms,title_en,title_sw
    tops,,,Tops,Nguo za juu
    t-shirt,tops,T-shirt/top; tee,T-shirt,Fulana

Each row is checked by itself here; model.decisions.taxonomy checks them against each other.
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
_LANGUAGE = re.compile(r"[a-z]{2,8}(-[a-z0-9]{1,8})*")  # the form of BCP 47; the language is not looked up


class TaxonomyWrong(ModelError):
    """A taxonomy cannot be used; the message names file and line, and says what to do."""


@dataclass(frozen=True, slots=True)
class Category:
    """A category of the shop. `titles` is by language, in lower case; empty ones are left out."""

    name: str
    parent: str | None
    synonyms: tuple[str, ...]
    titles: Mapping[str, str]
    line: int


def read(path: Path) -> tuple[tuple[str, ...], tuple[Category, ...]]:
    """Read the languages that titles are in, and the categories in the order of their rows. Raises TaxonomyWrong."""
    (_, header), *rows = _rows(path)
    columns = [name.lower() for name in header]
    _check_columns(path, columns)
    languages = tuple(name.removeprefix(TITLE) for name in columns if name.startswith(TITLE))
    return languages, tuple(_category(path, line, columns, cells) for line, cells in rows)


def wrong(path: Path, line: int, what: str) -> TaxonomyWrong:
    """Make an error to raise; `what` says what is wrong and what to do."""
    return TaxonomyWrong(f"{path}, line {line}: {what}")


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Read line and cells of the header and of at least one row; empty rows, which spreadsheets leave, are skipped."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise wrong(path, reader.line_num, f"no CSV ({error}): close what a quotation mark opens") from error
    rows = [(line, cells) for line, cells in lines if any(cells)]
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
    for index, name in enumerate(columns):
        if name in columns[:index]:
            raise wrong(path, 1, f"the column {name} is there twice: keep one")
        titled = name.startswith(TITLE) and _LANGUAGE.fullmatch(name.removeprefix(TITLE))
        if name not in NEEDED and not titled:
            raise wrong(path, 1, f"unknown column {name!r}: there may be {', '.join(NEEDED)}, title_en, title_sw …")


def _category(path: Path, line: int, columns: Sequence[str], cells: Sequence[str]) -> Category:
    if len(cells) != len(columns):
        raise wrong(path, line, f"{len(cells)} values for {len(columns)} columns: put what holds commas between quotes")
    row = dict(zip(columns, cells, strict=True))
    synonyms = tuple(synonym.strip() for synonym in row["synonyms"].split(";") if synonym.strip())
    for name in (row["category"], *synonyms):
        if not plain(name):
            raise wrong(path, line, f"{name!r} is no name: write one with letters or digits")
    titles = {name.removeprefix(TITLE): title for name, title in row.items() if name.startswith(TITLE) and title}
    return Category(row["category"], row["parent"] or None, synonyms, titles, line)
