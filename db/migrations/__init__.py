"""Schema versions, applied by `tagger db upgrade`. Configured in code: there is no alembic.ini."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, inspect, text

from db import CatalogueError

if TYPE_CHECKING:  # Alembic takes a fifth of a second to import, and only changing the tables needs it
    from alembic.config import Config

HEAD = "0021"
"""The newest revision in versions/; a test says so."""

_LOCK = 7_424_110  # any number, the same in every process
NEW_SQLITE = Path(__file__).with_name(f"sqlite_{HEAD}.sql")
"""What the migrations make of an empty SQLite file, written down by `make schema`: ten times as fast as they are."""


class SchemaMismatch(CatalogueError):
    """The catalogue's tables are older or newer than this program."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to `revision`. Several processes may call it at once. Refuses a schema it does not know."""
    found = current(engine)
    if revision == "head" and (found == HEAD or (found is None and _make_new_sqlite(engine))):
        return
    if found is not None and found not in _known():
        raise _unknown(found)
    from alembic import command

    with _transaction(engine) as connection:
        command.upgrade(_config(connection), revision)


def _make_new_sqlite(engine: Engine) -> bool:
    """Make the tables of head at once in an SQLite file that holds none; tell whether that was done."""
    if engine.dialect.name != "sqlite" or not NEW_SQLITE.exists():
        return False
    with engine.begin() as connection:
        if connection.exec_driver_sql("SELECT EXISTS (SELECT * FROM sqlite_master)").scalar_one():
            return False
        for statement in _statements(NEW_SQLITE.read_text(encoding="utf-8")):
            connection.exec_driver_sql(statement)
    return True


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""


def downgrade(engine: Engine, revision: str) -> None:
    """Take the tables back to `revision`; "base" removes them all."""
    from alembic import command

    with _transaction(engine) as connection:
        command.downgrade(_config(connection), revision)


def current(engine: Engine) -> str | None:
    """Return the revision of the tables; None for an empty database."""
    with engine.execution_options(read_only=True).connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def check(engine: Engine) -> None:
    """Raise SchemaMismatch unless the tables are exactly at head. Changes nothing."""
    found = current(engine)
    if found == HEAD:
        return
    if found is None:
        raise SchemaMismatch("the catalogue has no tables yet; run `tagger db upgrade`")
    if found in _known():
        raise SchemaMismatch(f"the catalogue's schema is {found}, this program needs {HEAD}; run `tagger db upgrade`")
    raise _unknown(found)


def _known() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()}


def _unknown(found: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"the catalogue's schema {found} is newer than this program knows (up to {HEAD}); install the newer tagger"
    )


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    """Open the one transaction of a change, which only one process makes at a time.

    SQLite changes a constraint by copying its table, so that rows elsewhere refer to nothing for a moment. That needs
    foreign keys off, which is ignored inside a transaction.
    """
    with engine.connect() as connection:
        _check_foreign_keys(connection, False)
        try:
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    _wait_for_turn(connection)
                yield connection
        finally:
            _check_foreign_keys(connection, True)


def _wait_for_turn(connection: Connection) -> None:
    """Wait for others that change the tables, and give the change itself all the time it takes.

    It waits no longer than usual for a table that is in use, as everybody else would wait behind it.
    """
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {name} = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


def _check_foreign_keys(connection: Connection, on: bool) -> None:
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        driver.execute(f"PRAGMA foreign_keys = {on:d}")


def _config(connection: Connection | None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "db:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
