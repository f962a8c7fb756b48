"""The checks of `tagger doctor`, one for each part."""

import os
import sqlite3
import sys
from collections.abc import Iterator

from cli.context import named_bundle, open_catalogue, sqlite_file
from cli.errors import describe
from db.session import engine_of
from worker.configuration.env_file import env_file
from worker.settings import Settings, unknown_names

Finding = tuple[str, bool, str]
_SQLITE_SAFE = (3, 51, 3)  # before it, resetting the WAL from several processes could corrupt the file


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield each check as (name, passed, detail). One that fails never keeps the next from running."""
    yield "python", sys.version_info >= (3, 11), sys.version.split()[0]
    _, as_it_should_be, why = env_file()
    unknown = unknown_names()
    yield "settings", as_it_should_be and not unknown, "; ".join([why, *unknown])
    for check in (_catalogue, _broker, _bundle, _taxonomy, _source, _notify):
        name = check.__name__.strip("_")
        try:
            yield name, True, check(settings)
        except Exception as error:  # noqa: BLE001 -- what ends one check must not keep doctor from the next
            yield name, False, describe(error) or f"fails with {type(error).__name__}, which no check foresaw"


def _catalogue(settings: Settings) -> str:
    engine = engine_of(open_catalogue(settings, read_only=True))
    if engine.dialect.name != "sqlite":
        return "PostgreSQL, tables fit"
    file = sqlite_file(settings.database_url)
    if file is not None and not all(os.access(path, os.W_OK) for path in (file, file.absolute().parent)):
        return f"SQLite {sqlite3.sqlite_version}, tables fit; this user can read {file}, but not write to it"
    if not settings.embedded and sqlite3.sqlite_version_info < _SQLITE_SAFE:
        return f"SQLite {sqlite3.sqlite_version}, tables fit; for several processes use PostgreSQL, or SQLite >= 3.51.3"
    return f"SQLite {sqlite3.sqlite_version}, tables fit"


def _broker(settings: Settings) -> str:
    if settings.embedded:
        return "memory://: everything happens in the process of `tagger run`"
    from worker.celery import check_broker, create_app

    check_broker(create_app(settings))
    return "answers"


def _bundle(settings: Settings) -> str:
    from worker.bootstrap import load_classifier

    bundle = load_classifier(settings, named_bundle(settings), None).bundle
    return f"{bundle.id}, {len(bundle.categories)} categories, golden images agree"


def _taxonomy(settings: Settings) -> str:
    from worker.bootstrap import check_taxonomy, taxonomy_of

    taxonomy = taxonomy_of(settings)
    if taxonomy is None:
        return "TAGGER_TAXONOMY is not set; images get the bundle's own categories"
    bundle = named_bundle(settings)
    check_taxonomy(settings, bundle)
    return f"{len(taxonomy.categories)} categories, with a place for each of {bundle.id}"


def _source(settings: Settings) -> str:
    if settings.source is None:
        return "TAGGER_SOURCE is not set; name a source in each command"
    from worker.bootstrap import source_store

    source_store(settings, settings.source).check()
    return "can be listed"


def _notify(settings: Settings) -> str:
    if settings.notify is None:
        return "TAGGER_NOTIFY is not set; alerts stand in the log alone"
    from worker.operations.notify import targets

    return ", ".join(target.service_name for target in targets(settings.notify.get_secret_value()))
