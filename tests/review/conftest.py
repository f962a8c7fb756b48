"""An application on a folder of photographs that wait for review, on each database, with a user of each role."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from db import objects, runs
from db.objects import NewObject
from db.review import access, users
from db.schema.vocabulary import ROLES
from db.session import sessions_of
from model import bundle as bundles
from review.access.auth import SCOPES
from review.access.passwords import hashed
from review.app import create_app
from tests.conftest import SAMPLES
from tests.db.catalogues import Catalogue, open_run
from tests.db.conftest import migrated_postgres, migrated_sqlite, postgres_engine, sqlite_engine
from tests.review.clients import PASSWORD, Review
from worker.settings import Settings
from worker.storage.open import open_source
from worker.storage.store import S3Options

__all__ = ["migrated_postgres", "migrated_sqlite", "postgres_engine", "sqlite_engine"]
FLAGGED = 6
_SCORES = [6000, 3000, 500, 500, *[0] * 6]


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hashed(PASSWORD)


@pytest.fixture(params=["sqlite", "postgresql"])
def review_on_both(request: pytest.FixtureRequest, tmp_path: Path, password_hash: str) -> Iterator[Review]:
    """Serve a catalogue on each database; what is only about the web needs one, as tests/db/review has both."""
    name = "sqlite_engine" if request.param == "sqlite" else "postgres_engine"
    yield from a_review(request.getfixturevalue(name), tmp_path, password_hash)


@pytest.fixture
def review(sqlite_engine: Engine, tmp_path: Path, password_hash: str) -> Iterator[Review]:
    yield from a_review(sqlite_engine, tmp_path, password_hash)


def a_review(engine: Engine, folder: Path, password_hash: str, *, images: int = FLAGGED) -> Iterator[Review]:
    photos = folder / "photos"
    photos.mkdir()
    for source in sorted(SAMPLES.glob("*.png"))[:images]:
        shutil.copy(source, photos)
    catalogue, ids = tagged_folder(engine, photos)
    settings = Settings(image_cache=folder / "cache", probe_share=0, double_share=0)
    tokens = {}
    with catalogue.sessions.begin() as session:
        for role in ROLES:
            user = users.add(session, f"a-{role}", role, password_hash)
            tokens[role] = access.add_token(session, user.id, SCOPES[role], days=1)
    app = create_app(settings, catalogue.sessions)
    app.state.parts.stopping = lambda: True  # so that streams end, as a client here reads them to their end
    with TestClient(app, follow_redirects=False, raise_server_exceptions=False) as client:
        yield Review(catalogue, client, tokens, ids, folder)


def tagged_folder(engine: Engine, photos: Path) -> tuple[Catalogue, list[int]]:
    """Record every photograph as a shirt that waits for review, each a little surer than the one before."""
    sessions, store = sessions_of(engine), open_source(str(photos), S3Options())
    bundle = bundles.read(bundles.find("fashion-mnist"))
    with sessions.begin() as session:
        model = runs.register_model(session, bundle.name, bundle.version, str(bundle.folder))
        catalogue = Catalogue(sessions, model.id, open_run(session, model, "scan:1", "running").id)
        rows = [
            NewObject(found.key, found.version_token, found.size, found.last_modified, None)
            for page in store.list_pages()
            for found in page
        ]
        tokens = {found: row.version_token for row in rows for found in [row.key]}
        ids = objects.add(session, store.bucket, rows)
    for key, object_id in sorted(ids.items()):
        catalogue.enqueue([object_id], token=tokens[key])
    for place, item in enumerate(sorted(catalogue.claim(), key=lambda item: item.key)):
        unsure = {"confidence": 6000 + place, "needs_review": True, "review_reason": "low_confidence"}
        catalogue.record([item], bundle.categories[0], scores=_SCORES, **unsure)
    return catalogue, [ids[key] for key in sorted(ids)]
