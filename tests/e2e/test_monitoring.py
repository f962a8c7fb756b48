"""TAGGER_CELERY_MONITORING: whatever somebody does to workers from outside loses nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.processes import wait_until
from stack.servers import Valkey
from tests.conftest import SAMPLES
from tests.e2e.deployment import Deployment, rows_of
from tests.e2e.monitors import monitor, said


@pytest.fixture
def monitored(tmp_path: Path, own_valkey: Valkey) -> Iterator[Deployment]:
    """Redis and SQLite, with tables and the sample images, without workers."""
    for name in ("a", "b", "c"):
        shutil.copytree(SAMPLES, tmp_path / "images" / name)
    settings = {"TAGGER_BROKER_URL": own_valkey.url, "TAGGER_SOURCE": str(tmp_path / "images"), "TAGGER_LEASE_S": "6"}
    deployment = Deployment(tmp_path, settings | {"TAGGER_CELERY_MONITORING": "on", "TAGGER_CHUNK": "8"})
    deployment.make_tables()
    yield deployment
    deployment.stop()


def test_purge_revoke_pool_grow_and_shutdown_from_outside_lose_nothing(
    monitored: Deployment, own_valkey: Valkey
) -> None:
    worker = monitored.start_worker()
    scheduler = monitored.start("scheduler")
    harming = monitor(own_valkey.url, "harm")  # waits for a task, as a child may also work with none
    images = monitored.json("scan")["new"]

    harmed = said(harming)
    before = rows_of("classification", monitored)
    wait_until(lambda: not worker.alive, "the worker to shut down", 90, 0.2)
    monitored.start("worker", "--concurrency", "1")
    wait_until(lambda: rows_of("classification", monitored) == images, "the rest of the work", 120, 0.3)

    assert before < images
    assert harmed["revoked"]  # what the child was at
    assert scheduler.alive
    assert monitored.clean()
