"""Errors the user can fix, each reported in one line with exit code 3."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from db import CatalogueError
from model import ModelError
from worker import WorkerError

if TYPE_CHECKING:
    from sqlalchemy.exc import SQLAlchemyError


class ReportingGroup(TyperGroup):
    """Commands that never end in a traceback for an error that the user can fix."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was called."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            message = describe(error)
            if message is None:
                raise
            typer.echo(f"tagger: {message}", err=True)
            raise typer.Exit(3) from error


def describe(error: Exception) -> str | None:
    """Say in one line what went wrong and what to do about it; None for a defect of ours."""
    if isinstance(error, ModelError | CatalogueError | WorkerError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return f"this needs {error.name}: pip install 'catalogue-tagger[train]'"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used ({error.strerror or error}): name another"
    if "sqlalchemy" in sys.modules:  # else it is none of its errors, and importing it takes a while
        from sqlalchemy.exc import SQLAlchemyError

        return _describe_database_error(error) if isinstance(error, SQLAlchemyError) else None
    return None


def _describe_database_error(error: SQLAlchemyError) -> str:
    from sqlalchemy.exc import DBAPIError

    if not isinstance(error, DBAPIError):
        return f"the catalogue cannot be used ({error}); check TAGGER_DATABASE_URL"
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    if "SSL" in str(error.orig) or "certificate" in str(error.orig):
        return (
            f"the catalogue cannot be used ({lines[0]}); let TAGGER_DATABASE_CA name its certificate's authority, "
            "or add ?sslmode=require (no verification) or ?sslmode=disable (no TLS) to TAGGER_DATABASE_URL"
        )
    return f"the catalogue cannot be used ({lines[0]}); check TAGGER_DATABASE_URL and that the database runs"
