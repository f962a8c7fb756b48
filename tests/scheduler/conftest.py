"""The catalogues of tests/db for what reads a store into them, and a broker in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import Celery

from tests.db.conftest import (  # noqa: F401 -- fixtures are found by their names here
    catalogue,
    migrated_postgres,
    migrated_sqlite,
    postgres_catalogue,
    postgres_engine,
    sqlite_engine,
)
from tests.scheduler.broker import forget_doorbells
from tests.scheduler.memory_store import Shelf
from worker.celery import create_app
from worker.settings import Settings


@pytest.fixture
def app() -> Iterator[Celery]:
    """A broker in memory, whose queues are empty."""
    app = create_app(Settings())
    forget_doorbells(app)
    yield app
    forget_doorbells(app)
    app.close()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()
