"""An empty home for the suite, real servers, and a fresh catalogue on each database for each test."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine

from db.session import Sessions, connect, sessions_of
from stack.processes import temporary_folder
from stack.servers import Postgres, Seaweed, Valkey, postgres, seaweed, valkey
from tests.db import templates

pytest_plugins = ["tests.bundles"]

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples" / "images"
PHOTOS = ROOT.parent / "shared" / "clothing-dataset-small"
LONGEST = ("e2e", "cli/models", "model/training", "review")
USER_SETTINGS = ("TAGGER_", "AWS_", "PG", "XDG_", "KERAS_", "MPL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
"""Prefixes of variables that configure us, or a library we use, for the user who runs the suite."""


def pytest_configure(config: pytest.Config) -> None:
    """Give the suite an empty home and no personal settings, before any library reads them.

    Workers of pytest-xdist inherit both from the process that starts them.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it starts in the background ignore it
    if hasattr(config, "workerinput"):
        return
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in [name for name in os.environ if name.upper().startswith(USER_SETTINGS)]:
            patch.delenv(name)
        os.umask(0o022)  # some tests are about who may read what
        patch.setenv("HOME", str(stack.enter_context(temporary_folder("home"))))
        config.add_cleanup(stack.pop_all().close)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first, so that all processes of pytest-xdist end at about the same time."""
    items.sort(key=lambda item: not any(item.path.is_relative_to(ROOT / "tests" / folder) for folder in LONGEST))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    with valkey() as server:
        yield server


@pytest.fixture(scope="session")
def seaweed_server() -> Iterator[Seaweed]:
    with seaweed() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a new database of each kind, with the tables where `sessions` are taken too, else empty."""
    with_tables = "sessions" in request.fixturenames
    if request.param == "sqlite":
        file = tmp_path / "catalogue.db"
        return templates.make_file(file) if with_tables else f"sqlite:///{file}"
    server: Postgres = request.getfixturevalue("postgres_server")
    return templates.make_database(server) if with_tables else server.new_database()


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    """Yield a catalogue with its tables, on each database."""
    engine = connect(database_url)
    yield sessions_of(engine)
    engine.dispose()


@pytest.fixture(autouse=True)
def folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run every test in an empty folder, out of reach of a user's .env and of what other tests write."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Reset the logs: a command run inside a test configures them for the whole process."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def photos() -> Path:
    """Return the folder of shared clothing photographs; skip the test where there is none."""
    if not PHOTOS.is_dir():
        pytest.skip(f"needs the shared photographs at {PHOTOS}")
    return PHOTOS


@pytest.fixture
def connections_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the connections that commands opened, which the end of their process does otherwise."""
    opened: list[Engine] = []

    def open_engine(url: str, **options: Any) -> Engine:
        opened.append(connect(url, **options))
        return opened[-1]

    monkeypatch.setattr("worker.bootstrap.connect", open_engine)
    yield
    for engine in opened:
        engine.dispose()
