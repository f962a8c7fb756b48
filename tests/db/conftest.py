"""A catalogue on each database; PostgreSQL's is migrated once and emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.session import connect, sessions_of
from stack.servers import Postgres
from tests.db import templates
from tests.db.catalogues import Catalogue, a_catalogue, emptied


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: Postgres) -> Iterator[Engine]:
    engine = connect(templates.make_database(postgres_server), pool_size=8)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate a file to copy."""
    path = tmp_path_factory.mktemp("migrated") / "catalogue.db"
    templates.make_file(path)
    return path


@pytest.fixture
def sqlite_engine(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Engine]:
    path = tmp_path / "catalogue.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    engine = connect(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(migrated_postgres: Engine) -> Engine:
    return emptied(migrated_postgres)


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    name = "sqlite_engine" if request.param == "sqlite" else "postgres_engine"
    return a_catalogue(sessions_of(request.getfixturevalue(name)))


@pytest.fixture
def postgres_catalogue(postgres_engine: Engine) -> Catalogue:
    return a_catalogue(sessions_of(postgres_engine))
