"""Which errors are a person's to mend, and the one line each is told in."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from db.migrations import SchemaMismatch
from db.session import CatalogueUnavailable
from model.bundle import BundleError
from model.decisions.taxonomy_file import TaxonomyWrong
from worker.settings import BadSettings
from worker.storage.store import StorageError

_MENDABLE = (BadSettings, BundleError, CatalogueUnavailable, SchemaMismatch, StorageError, TaxonomyWrong)


def describe(error: Exception) -> str | None:
    """One line that says what to do, for configuration and services out of reach; None for a defect of ours."""
    if isinstance(error, _MENDABLE):
        return str(error)
    if type(error).__name__ == "BrokerUnavailable":  # by name: importing Celery takes a third of a second
        return str(error)
    if isinstance(error, DBAPIError):
        return (
            f"the catalogue cannot be used ({_first_line(error)}); check TAGGER_DATABASE_URL and that the database runs"
        )
    if isinstance(error, SQLAlchemyError):
        return f"the catalogue cannot be used ({error}); check TAGGER_DATABASE_URL"
    return None


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return lines[0]
