"""The catalogues of tests/db, for what reads a store into them."""

from tests.db.conftest import (  # noqa: F401 -- fixtures are found by their names here
    catalogue,
    migrated_postgres,
    migrated_sqlite,
    postgres_catalogue,
    postgres_engine,
    sqlite_engine,
)
