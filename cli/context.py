"""What most verbs begin with: the settings, and a catalogue whose tables fit this program."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.session import Sessions
    from worker.settings import Settings


def load_settings(*, quiet: bool = True, **overrides: object) -> Settings:
    """The settings of this process, and its logs set up; raises BadSettings."""
    from worker import settings, telemetry

    loaded = settings.load(**overrides)
    telemetry.configure(loaded.log_format, quiet=quiet)
    return loaded


def open_catalogue(settings: Settings, *, create: bool = False) -> Sessions:
    """The catalogue, after a check of its schema. `create`: an SQLite file that is not there yet is made."""
    from db import migrations
    from db.session import CatalogueUnavailable, engine_of
    from worker.bootstrap import open_sessions

    missing = _missing(settings)
    if missing and not create:
        raise CatalogueUnavailable(
            f"there is no catalogue at {sqlite_file(settings.database_url)} yet; `tagger run FOLDER` makes one"
        )
    sessions = open_sessions(settings)
    engine = engine_of(sessions)
    if missing:
        migrations.upgrade(engine)
    migrations.check(engine)
    return sessions


def catalogue_if_any(settings: Settings) -> Sessions | None:
    """The catalogue; None where its SQLite file was not made yet."""
    return None if _missing(settings) else open_catalogue(settings)


def catalogue_if_usable(settings: Settings) -> Sessions | None:
    """The same for what works without one, too: None and a warning where it is out of reach, or of another version."""
    from sqlalchemy.exc import SQLAlchemyError

    from cli.errors import describe
    from db import CatalogueError

    try:
        return catalogue_if_any(settings)
    except (CatalogueError, SQLAlchemyError) as error:
        print(f"tagger: what is promoted is not known: {describe(error)}", file=sys.stderr)
        return None


def bundle_folder(settings: Settings, folders: Sequence[Path] | None = None) -> Path:
    """Of the bundle that the settings name, in `folders` or those that they name, promoted or not, as workers find it.

    Raises BundleNotFound.
    """
    from worker.bundle_lookup import chosen

    return chosen(settings.model, folders or settings.bundle_folders, catalogue_if_usable(settings))


def _missing(settings: Settings) -> bool:
    file = sqlite_file(settings.database_url)
    return file is not None and (not file.exists() or file.stat().st_size == 0)


def sqlite_file(database_url: str) -> Path | None:
    """The file of an SQLite catalogue; None for any other."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(database_url)
    except ArgumentError:
        return None
    in_file = url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:"
    return Path(str(url.database)) if in_file else None


def actor() -> str:
    """Name who runs this command, as the audit trail writes it."""
    from db import actors

    try:
        return actors.of_person(getpass.getuser())
    except (KeyError, OSError):
        return actors.of_person("unknown")


def refuse(message: str) -> typer.Exit:
    """A usage error: prints the message; raise what is returned (exit code 2)."""
    print(f"tagger: {message}", file=sys.stderr)
    return typer.Exit(2)
