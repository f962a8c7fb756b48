"""Errors the user can fix, each reported in one line with exit code 3."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from cli.output import tell
from db import CatalogueError
from model import ModelError
from worker import WorkerError

if TYPE_CHECKING:
    from sqlalchemy.exc import SQLAlchemyError

_OF_SQLITE = {
    "readonly": "this user may not write to it, or not to its folder",
    "unable to open": "this user may not open it, or not make a file beside it",
    "locked": "another program writes to it; try again when that has ended",
    "not a database": "name another in TAGGER_DATABASE_URL",
    "malformed": "restore it from a backup",
    "full": "make room for it",
}
"""Signs in SQLite's messages, and what to do."""


class ReportingGroup(TyperGroup):
    """Commands that never end in a traceback for an error that the user can fix, nor without a word when stopped."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Take the arguments apart."""
        with stoppable():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was called."""
        try:
            with stoppable():
                try:
                    return super().invoke(ctx)
                finally:
                    _flush()
        except Exception as error:
            message = describe(error)
            if message is None:
                raise
            tell(f"tagger: {message}")
            raise typer.Exit(3) from error


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into a line and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        print("tagger: stopped", file=sys.stderr)
        raise typer.Exit(130) from None


def prepare_streams() -> None:
    """Make pipes and files of standard output UTF-8, and no character an error. Exit code 3 if it is closed."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 -- as long as the process
    if sys.stdout is None:
        print("tagger: standard output is closed: send it somewhere, to /dev/null for example", file=sys.stderr)
        raise SystemExit(3)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")


def _flush() -> None:
    """Write out what was printed, while it can still be told that it cannot be."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever read had enough
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter tries again, and says so
        raise OSError(error.errno, error.strerror, "standard output") from None


def describe(error: Exception) -> str | None:
    """Say in one line what went wrong and what to do about it; None for a defect of ours."""
    if isinstance(error, ModelError | CatalogueError | WorkerError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return f"this needs {error.name}: pip install 'catalogue-tagger[train]'"
    if isinstance(error, ImportError):
        return f"a package cannot be loaded ({str(error).partition(chr(10))[0]}): install it again"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None:
        return f"a disk is full ({error.strerror}): make room where you write to, in TMPDIR and beside the catalogue"
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error.strerror):
        return f"{error.strerror}: make room there, or set TMPDIR to a folder that can be written to"
    if isinstance(error, FileNotFoundError) and error.filename is None and _is_nowhere():
        return "the folder you are in no longer exists: change to another"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used ({error.strerror or error}): name another"
    if "sqlalchemy" in sys.modules:  # else it is none of its errors, and importing it takes a while
        from sqlalchemy.exc import SQLAlchemyError

        return _describe_database_error(error) if isinstance(error, SQLAlchemyError) else None
    return None


def _is_nowhere() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _describe_database_error(error: SQLAlchemyError) -> str:
    from sqlalchemy.exc import DBAPIError

    if not isinstance(error, DBAPIError):
        return f"the catalogue cannot be used ({str(error).splitlines()[0]}); check TAGGER_DATABASE_URL"
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    if file := next(iter(getattr(error.orig, "__notes__", ())), None):  # only of SQLite
        remedy = next((remedy for sign, remedy in _OF_SQLITE.items() if sign in lines[0]), "check TAGGER_DATABASE_URL")
        return f"the catalogue {file} cannot be used ({lines[0]}): {remedy}"
    if "SSL" in str(error.orig) or "certificate" in str(error.orig):
        return (
            f"the catalogue cannot be used ({lines[0]}); let TAGGER_DATABASE_CA name its certificate's authority, "
            "or add ?sslmode=require (no verification) or ?sslmode=disable (no TLS) to TAGGER_DATABASE_URL"
        )
    return f"the catalogue cannot be used ({lines[0]}); check TAGGER_DATABASE_URL and that the database runs"
