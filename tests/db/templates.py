"""Catalogues with all tables, copied from one of each kind that this process has migrated once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import make_url

from db import migrations
from db.session import connect
from stack.servers import Postgres


def make_file(path: Path) -> str:
    """Make an SQLite catalogue; return its URL."""
    path.write_bytes(_migrated_file())
    return f"sqlite:///{path}"


def make_database(server: Postgres) -> str:
    """Make a PostgreSQL catalogue; return its URL."""
    return server.new_database(template=_migrated_database(server))


@cache
def _migrated_file() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.db"
        _migrate(f"sqlite:///{path}")
        return path.read_bytes()


@cache
def _migrated_database(server: Postgres) -> str:
    url = server.new_database()
    _migrate(url)
    return str(make_url(url).database)


def _migrate(url: str) -> None:
    engine = connect(url, pooled=False)
    migrations.upgrade(engine)
    engine.dispose()
