"""Deployments for the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from db.session import Sessions
from stack.servers import Postgres, Seaweed, Valkey, valkey
from tests.bundles import made_once
from tests.db import templates
from tests.e2e.bundle_versions import Shelf
from tests.e2e.deployment import Deployment
from tests.e2e.drawn import blob, draw_photographs


@pytest.fixture
def embedded(tmp_path: Path) -> Deployment:
    """No setting at all: SQLite, no broker."""
    return Deployment(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures in two sub-folders."""
    for number in range(10):
        blob(tmp_path / "photos" / "ab"[number % 2] / f"{number}.jpg", number)
    return tmp_path / "photos"


@dataclass
class Bucket:
    """A bucket and how many images it holds."""

    name: str
    images: int

    @property
    def source(self) -> str:
        return f"s3://{self.name}"


@pytest.fixture(scope="session")
def drawn_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drawn photographs, `test` and `train`, drawn once for all processes of pytest-xdist."""
    return made_once(tmp_path_factory, "drawn", draw_photographs)


@pytest.fixture(scope="session")
def bucket_of_photos(seaweed_server: Seaweed, drawn_photos: Path) -> Bucket:
    """All drawn photographs, uploaded once."""
    name = seaweed_server.new_bucket()
    client = seaweed_server.client()
    files = sorted(drawn_photos.rglob("*.jpg"))

    def upload(file: Path) -> None:
        client.put_object(Bucket=name, Key=str(file.relative_to(drawn_photos)), Body=file.read_bytes())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(upload, files))
    return Bucket(name, len(files))


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """Start a broker that this test may kill."""
    with valkey() as server:
        yield server


@pytest.fixture
def distributed(
    tmp_path: Path, postgres_server: Postgres, own_valkey: Valkey, seaweed_server: Seaweed
) -> Iterator[Deployment]:
    """S3, Redis and PostgreSQL, with tables, without workers. A short lease, so that take-overs take no minutes."""
    deployment = Deployment(
        tmp_path,
        {
            "TAGGER_DATABASE_URL": templates.make_database(postgres_server),
            "TAGGER_BROKER_URL": own_valkey.url,
            **seaweed_server.environment(),
            "TAGGER_LEASE_S": "6",
        },
    )
    yield deployment
    deployment.stop()


@pytest.fixture
def shelf(
    sessions: Sessions, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connections_closed: None
) -> Shelf:
    """Make a folder of bundles, and run the commands on them in this process."""
    monkeypatch.setenv("TAGGER_DATABASE_URL", database_url)
    monkeypatch.setenv("TAGGER_BUNDLES", str(tmp_path / "bundles"))
    monkeypatch.setenv("LOGNAME", "amina")
    return Shelf(tmp_path / "bundles", sessions)
