"""Real servers, started once for the whole suite, and a fresh catalogue on each database for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from db import migrations
from db.session import Sessions, connect, sessions_of
from stack.servers import Postgres, Seaweed, Valkey, postgres, seaweed, valkey

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples" / "images"
PHOTOS = ROOT.parent / "shared" / "clothing-dataset-small"


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
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A person's own TAGGER_* variables and .env must not reach a test."""
    import os

    for name in [name for name in os.environ if name.startswith("TAGGER_")]:
        monkeypatch.delenv(name)
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
