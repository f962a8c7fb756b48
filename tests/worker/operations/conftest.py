"""The catalogues of tests/db."""

from tests.db.conftest import catalogue, migrated_postgres, migrated_sqlite, postgres_engine, sqlite_engine  # noqa: F401 -- fixtures are found by their names here
