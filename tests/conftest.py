"""A home of its own for the suite, real servers, and a fresh catalogue on each database for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog

from db import migrations
from db.session import Sessions, connect, sessions_of
from stack.processes import temporary_folder
from stack.servers import Postgres, Seaweed, Valkey, postgres, seaweed, valkey

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples" / "images"
PHOTOS = ROOT.parent / "shared" / "clothing-dataset-small"
PERSONAL = ("TAGGER_", "AWS_", "PG", "XDG_", "KERAS_", "MPL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
"""How variables begin that bring a person's own set-up to us or to a library we use."""


def pytest_configure(config: pytest.Config) -> None:
    """Give the suite an empty home and no personal settings, before any library reads them.

    Workers of pytest-xdist inherit both from the process that starts them.
    """
    if hasattr(config, "workerinput"):
        return
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in [name for name in os.environ if name.upper().startswith(PERSONAL)]:
            patch.delenv(name)
        patch.setenv("HOME", str(stack.enter_context(temporary_folder("home"))))
        config.add_cleanup(stack.pop_all().close)


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
    """A new, empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalogue.db'}"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    """A catalogue with its tables, on each database."""
    engine = connect(database_url)
    migrations.upgrade(engine)
    yield sessions_of(engine)
    engine.dispose()


@pytest.fixture(autouse=True)
def folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run every test in an empty folder: a person's .env must not reach it, nor what another test has written."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command run inside a test sets up the process's logs; the next test must not inherit that."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def photos() -> Path:
    """The shared clothing photographs; a test that needs them is skipped where they are not."""
    if not PHOTOS.is_dir():
        pytest.skip(f"needs the shared photographs at {PHOTOS}")
    return PHOTOS
