"""What most commands start from: the settings, the catalogue, the bundle that the settings name."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.output import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.session import Sessions
    from model.bundle import Bundle
    from worker.settings import Settings


AWAY_S = 5.0


def load_settings(*, quiet: bool = True, **overrides: object) -> Settings:
    """Read the settings of this process and set up its logs. Raises BadSettings."""
    from worker import settings, telemetry
    from worker.configuration.env_file import env_file

    loaded = settings.load(**overrides)
    _, as_it_should_be, why = env_file()
    if not as_it_should_be:
        tell(f"tagger: {why}")
    telemetry.configure(loaded.log_format, quiet=quiet)
    return loaded


def open_catalogue(settings: Settings, *, create: bool = False, read_only: bool = False) -> Sessions:
    """Open the catalogue and check its schema. With `create`, a missing SQLite file is created.

    With `read_only` it may be a file that only others write, and no lock is taken.
    """
    from db import migrations
    from db.session import CatalogueUnavailable, engine_of
    from worker.bootstrap import open_sessions

    missing = _missing(settings)
    if missing and not create:
        file = missing.absolute()
        raise CatalogueUnavailable(f"there is no catalogue at {file} yet; `tagger run FOLDER` creates it")
    sessions = open_sessions(settings, read_only=read_only)
    engine = engine_of(sessions)
    if missing:
        migrations.upgrade(engine)
    migrations.check(engine)
    return sessions


def await_catalogue(settings: Settings) -> Sessions:
    """Open the catalogue, or create it, for a process that stays: it waits for a database that is away."""
    import structlog
    from sqlalchemy.exc import OperationalError

    from cli.errors import describe
    from db.availability import is_away

    while True:
        try:
            return open_catalogue(settings, create=True)
        except OperationalError as error:
            if not is_away(error):
                raise
            structlog.get_logger().warning("catalogue_away", error=str(describe(error)))
        time.sleep(AWAY_S)


def catalogue_if_any(settings: Settings, *, read_only: bool = False) -> Sessions | None:
    """Open the catalogue; None if its SQLite file does not exist yet."""
    return None if _missing(settings) else open_catalogue(settings, read_only=read_only)


def catalogue_if_usable(settings: Settings) -> Sessions | None:
    """Open the catalogue to read, for a command that also works without: None, with a warning, if it cannot be used."""
    from sqlalchemy.exc import SQLAlchemyError

    from cli.errors import describe
    from db import CatalogueError

    try:
        return catalogue_if_any(settings, read_only=True)
    except (CatalogueError, SQLAlchemyError) as error:
        tell(f"tagger: what is promoted is not known: {describe(error)}")
        return None


def named_bundle(settings: Settings, folders: Sequence[Path] | None = None) -> Bundle:
    """Read the bundle that workers would use: the one promoted under the name in the settings, or else the newest.

    `folders` replace those in the settings. Raises BundleError.
    """
    from worker.bundle_lookup import resolve

    return resolve(settings.model, folders or settings.bundle_folders, catalogue_if_usable(settings))


def _missing(settings: Settings) -> Path | None:
    """Return the file of an SQLite catalogue if there is none yet."""
    file = sqlite_file(settings.database_url)
    return file if file is not None and (not file.exists() or file.stat().st_size == 0) else None


def sqlite_file(database_url: str) -> Path | None:
    """Return the file of an SQLite catalogue; None for any other."""
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


def refuse(message: str, *, code: int) -> typer.Exit:
    """Report why nothing was done; raise what is returned."""
    tell(f"tagger: {message}")
    return typer.Exit(code)
