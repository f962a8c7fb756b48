"""Streamed export of tags: into a file, which is written aside and renamed, or in parts to S3."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import version
from io import BufferedWriter
from itertools import islice
from pathlib import Path
from stat import S_IMODE
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import typer

from cli.context import refuse
from cli.output import tell, visible
from db.catalogue import export_page
from db.session import Sessions, read_with_retry

if TYPE_CHECKING:
    from cli.export_table import Table
    from worker.settings import Settings

PART_ROWS = 100_000
"""The most rows of an object in S3: some 25 MB as CSV."""


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


def is_s3(output: str) -> bool:
    return output.lower().startswith("s3://")


def check_target(output: str, settings: Settings) -> None:
    """Raise what ends the command if nothing can be written there, or if the next scan took it for images."""
    source = settings.source or ""
    if not is_s3(output):
        check_output(Path(output))
    elif is_s3(source) and f"{_address(output)}/".startswith(_address(source)):
        raise refuse(f"{output} lies in TAGGER_SOURCE, where scans look for images: name another prefix", code=3)


def _address(url: str) -> str:
    bucket, _, prefix = url[len("s3://") :].partition("/")
    return f"{bucket}/{prefix}"


def check_output(output: Path) -> None:
    """Raise what ends the command if there cannot be a file of this name."""
    if output.is_dir():
        raise refuse(f"{output} is a folder: name a file in it, with -o {output / 'tags.csv'} for example", code=3)
    if not output.parent.is_dir():
        raise refuse(f"{output.parent}, where {output.name} was to be written, is no folder: make it", code=3)


def write(table: Table, output: Path | None) -> int:
    """Write a table to a file or to standard output, and return the number of its rows."""
    plain = table.plain()
    if output is None:
        return table.write_text(map(_shown, plain) if table.format == "csv" else plain, sys.stdout)
    with open_output(output) as file:
        return table.write(plain, file)


def write_parts(table: Table, url: str, settings: Settings, **about: Any) -> int:
    """Write a table under an S3 prefix, in parts of at most PART_ROWS, then their manifest with what it is `about`.

    Each part is made in a temporary file, so memory does not grow. Raises StorageError, after telling what lies there.
    """
    from worker.storage.s3_upload import Upload

    upload, plain, total = Upload(url, settings.s3), table.plain(), 0
    try:
        while True:
            with TemporaryFile() as file:
                rows = table.write(islice(plain, PART_ROWS), file)
                if not rows:
                    break
                upload.add(file, rows, table.format)
            total += rows
        command = version("catalogue-tagger")
        what = {"format": table.format, "columns": table.columns, "rows": total, "tagger_version": command}
        upload.finish(about | what)
    except BaseException:
        tell(f"tagger: {upload.remains}")
        raise
    return total


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


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: visible(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
