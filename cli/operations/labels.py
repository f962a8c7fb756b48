"""`tagger import-labels`: what people wrote into a table becomes human tags, all of it or nothing."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import actor, load_settings, named_bundle, open_catalogue, refuse
from cli.options import AsJson
from cli.output import tell

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.review.labels import Image, Imported
    from db.session import Sessions
    from worker.settings import Settings

SHOWN = 20
_SPREADSHEET = tuple("'" + first for first in "=+-@\t\r")
"""What a cell of `tagger export --spreadsheet` begins with in the place of a formula."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file; without a bucket its key has to be in one bucket alone."""

    line: int
    key: str
    category: str
    bucket: str | None


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line that cannot be imported, and why."""

    line: int
    message: str


def import_labels(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV file: key,category[,bucket].")],
    by: Annotated[str | None, typer.Option(help="Who decided. Default: the user of this computer.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file and say what would change.")] = False,
    new_categories: Annotated[
        bool, typer.Option("--new-categories", help="Accept categories that neither model nor catalogue knows.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import categories that people gave: human tags, which no model changes. All of it is imported, or nothing."""
    from db import actors

    rows, wrong = _read(file)
    settings = load_settings()
    sessions = open_catalogue(settings)
    person = by.strip() if by and by.strip() else actors.name_of(actor())
    category_of = _categories(settings, sessions) if not new_categories else str.strip
    with sessions.begin() as session:
        labels, unknown = _resolved(session, rows, category_of)
        wrong = sorted([*wrong, *unknown], key=lambda error: error.line)
        imported = None if wrong else _record(session, labels, person, file.name, dry_run=dry_run)
    _report(imported, wrong, dry_run=dry_run, as_json=as_json)


def _record(session: Session, labels: dict[Image, str], person: str, name: str, *, dry_run: bool) -> Imported:
    from db import actors
    from db.reporting import acts
    from db.review import labels as db_labels

    imported = db_labels.record(session, labels, person=person, why=f"imported from {name}", dry_run=dry_run)
    if not dry_run:
        acts.note(session, actors.of_person(person), "labels_imported", f"{name}: {imported.changed:,}")
    return imported


def _read(file: Path) -> tuple[list[Row], list[Wrong]]:
    """Read the rows, and name the lines that are none. The separator is the one that the first line has."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(f"{file} is not UTF-8 ({error.reason}): save it as CSV UTF-8", code=3) from None
    head = text.partition("\n")[0]
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=max(",;\t", key=head.count))
    columns = [name.strip().lower() for name in reader.fieldnames or ()]
    if not {"key", "category"} <= set(columns):
        raise refuse(f"{file} needs a first line with the columns key,category and, if you like, bucket", code=3)
    reader.fieldnames = columns
    rows, wrong = [], []
    try:
        for fields in reader:
            key, category = fields["key"] or "", (fields["category"] or "").strip()
            if key and category:
                rows.append(Row(reader.line_num, key, category, (fields.get("bucket") or "").strip() or None))
            elif key or category:
                wrong.append(Wrong(reader.line_num, f"it lacks {'a category' if key else 'a key'}"))
    except csv.Error as error:
        wrong.append(Wrong(reader.line_num, f"it cannot be read: {error}"))
    return rows, wrong


def _categories(settings: Settings, sessions: Sessions) -> Callable[[str], str | None]:
    """Return a function from what people call a category to its name; None for what is unknown."""
    from db.catalogue import categories
    from db.session import reading
    from model.decisions.categories import plain
    from worker.bootstrap import taxonomy_of

    taxonomy = taxonomy_of(settings)
    if taxonomy is not None:
        return taxonomy.resolve
    with reading(sessions) as session:
        names = [*categories(session), *named_bundle(settings).categories]
    known = {plain(name): name for name in names}
    return lambda name: known.get(plain(name))


def _resolved(
    session: Session, rows: list[Row], category_of: Callable[[str], str | None]
) -> tuple[dict[Image, str], list[Wrong]]:
    images = _images(session, rows)
    labels: dict[Image, str] = {}
    lines: dict[Image, int] = {}
    wrong = []
    for row in rows:
        category, found = category_of(row.category), images.get((row.bucket, row.key), [])
        if category is None:
            wrong.append(Wrong(row.line, f"there is no category {row.category!r}"))
        if not found:
            where = f" in {row.bucket}" if row.bucket else ""
            wrong.append(Wrong(row.line, f"there is no image {row.key!r}{where}"))
        elif len(found) > 1:
            names = ", ".join(sorted(image.bucket for image in found))
            wrong.append(Wrong(row.line, f"{row.key!r} is in {names}: name one in a column bucket"))
        elif category is not None and labels.setdefault(found[0], category) != category:
            wrong.append(Wrong(row.line, f"{row.key!r} is {labels[found[0]]!r} in line {lines[found[0]]}"))
        for image in found:
            lines.setdefault(image, row.line)
    return labels, wrong


def _images(session: Session, rows: list[Row]) -> dict[tuple[str | None, str], list[Image]]:
    """Return the images that the rows may mean, by their bucket, if they name one, and key."""
    from db.review.labels import buckets, find_images

    images: dict[tuple[str | None, str], list[Image]] = {}
    for bucket in buckets(session):
        keys = [key for row in rows if row.bucket in (None, bucket) for key in _spellings(row.key)]
        found = {image.key: image for image in find_images(session, bucket, keys)}
        for row in {(row.bucket, row.key) for row in rows if row.bucket in (None, bucket)}:
            image = next((found[key] for key in _spellings(row[1]) if key in found), None)
            if image is not None:
                images.setdefault(row, []).append(image)
    return images


def _spellings(key: str) -> Iterator[str]:
    """Yield a key as it stands in the file, and as it was before an export for spreadsheets."""
    yield key
    if key.startswith(_SPREADSHEET):
        yield key[1:]


def _report(imported: Imported | None, wrong: list[Wrong], *, dry_run: bool, as_json: bool) -> None:
    counts = asdict(imported) if imported else {"changed": 0, "replaced": 0, "unchanged": 0}
    if as_json:
        print(json.dumps(counts | {"dry_run": dry_run, "errors": [asdict(error) for error in wrong]}))
    for error in wrong[: 0 if as_json else SHOWN]:
        tell(f"tagger: line {error.line}: {error.message}")
    if wrong:
        kinds = Counter(error.message.partition("'")[0].strip() for error in wrong)
        summary = ", ".join(f"{count} × {kind}" for kind, count in kinds.most_common())
        raise refuse(f"nothing was imported, as {len(wrong)} lines are wrong: {summary}", code=1)
    if not as_json:
        would = "would change" if dry_run else "changed"
        print(
            f"{counts['changed']} tags {would}, {counts['replaced']} of them given by people before; "
            f"{counts['unchanged']} stand already."
        )
