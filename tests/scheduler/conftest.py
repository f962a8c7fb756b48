"""The catalogues of tests/db for what reads a store into them, and a broker in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from scheduler.scanning import Scans
from scheduler.service import Scheduler
from tests.db.catalogues import Catalogue
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
    """Make a broker in memory whose queues are empty."""
    app = create_app(Settings())
    forget_doorbells(app)
    yield app
    forget_doorbells(app)
    app.close()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def scheduler(catalogue: Catalogue, app: Celery) -> Iterator[Scheduler]:  # noqa: F811 -- the fixture is asked for
    scheduler = Scheduler(Settings(), catalogue.sessions, app)
    yield scheduler
    scheduler.stop()


@pytest.fixture
def scans(scheduler: Scheduler) -> Scans:
    return scheduler.scans


@pytest.fixture
def photos_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(b"not read by a scan")
    return folder
