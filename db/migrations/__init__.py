"""Schema versions, applied by `tagger db upgrade`. Configured in code: there is no alembic.ini."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

_LOCK = 7_424_110  # any number, the same in every process


class SchemaMismatch(Exception):
    """The catalogue's tables are older or newer than this program."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to `revision`. Safe from several processes at once. Refuses a schema it does not know."""
    if (found := current(engine)) is not None and found not in _known():
        raise _unknown(found)
    with engine.begin() as connection:
        _lock(connection)
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the tables back to `revision`; "base" removes them all."""
    with engine.begin() as connection:
        _lock(connection)
        command.downgrade(_config(connection), revision)


def current(engine: Engine) -> str | None:
    """The revision that the tables are at; None for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    revision = ScriptDirectory.from_config(_config(None)).get_current_head()
    assert revision is not None
    return revision


def check(engine: Engine) -> None:
    """Raise SchemaMismatch unless the tables are exactly at head. Changes nothing."""
    found = current(engine)
    if found == head():
        return
    if found is None:
        raise SchemaMismatch("the catalogue has no tables yet; run `tagger db upgrade`")
    if found in _known():
        raise SchemaMismatch(f"the catalogue's schema is {found}, this program needs {head()}; run `tagger db upgrade`")
    raise _unknown(found)


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()}


def _unknown(found: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"the catalogue's schema {found} is newer than this program knows (up to {head()}); install the newer tagger"
    )


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", "db:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
