"""Redis may be lost, or hang, at any time: the work goes on within half a minute, and nobody waits for it."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.processes import wait_until
from stack.servers import Valkey
from tests.conftest import SAMPLES
from tests.e2e.deployment import Deployment, rows_of, tagged
from worker.celery import depths
from worker.settings import Settings


@pytest.fixture
def rung(tmp_path: Path, own_valkey: Valkey) -> Iterator[Deployment]:
    """Redis and SQLite, with tables and the sample images, without workers."""
    shutil.copytree(SAMPLES, tmp_path / "images")
    deployment = Deployment(tmp_path, {"TAGGER_BROKER_URL": own_valkey.url, "TAGGER_SOURCE": str(tmp_path / "images")})
    deployment.make_tables()
    yield deployment
    deployment.stop()
    if own_valkey.child and own_valkey.child.alive:
        os.kill(own_valkey.pid, signal.SIGCONT)


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_without_redis_an_idle_worker_finds_the_work_by_itself(
    rung: Deployment, own_valkey: Valkey, fault: signal.Signals
) -> None:
    worker = rung.start_worker(2)
    os.kill(own_valkey.pid, fault)

    begun = time.monotonic()
    scanned = rung.json("scan")
    listed = time.monotonic()
    wait_until(lambda: set(rung.look()["items"]) == {"done"}, "the work to be done", 60, 0.5)
    done = time.monotonic()

    assert scanned["new"] == rung.json("status")["items"]["done"] > 10
    assert listed - begun < 15
    assert done - listed < 30 + 10
    assert worker.stop(timeout_s=60) == 0, worker.tail()


def test_a_night_goes_on_and_ends_while_redis_is_away(rung: Deployment, own_valkey: Valkey) -> None:
    for copy in ("b", "c"):
        shutil.copytree(SAMPLES, rung.folder / "images" / copy)
    rung.settings["TAGGER_CHUNK"] = "8"
    worker, scheduler = rung.start_worker(), rung.start("scheduler")
    opened = rung.tagger("nightly")
    wait_until(lambda: tagged(rung) > 0, "the first images", 90, 0.02)

    own_valkey.kill()

    before = tagged(rung)
    wait_until(lambda: rung.look()["runs"] == [], "the night to be closed", 120, 0.3)
    assert opened.returncode == 0
    assert before < tagged(rung) == rows_of("source_object", rung) == 3 * len(list(SAMPLES.glob("*.png")))
    assert worker.alive, worker.tail()
    assert scheduler.alive, scheduler.tail()
    assert rung.clean()


def test_a_hanging_redis_costs_status_three_seconds(rung: Deployment, own_valkey: Valkey) -> None:
    settings = Settings(_env_file=None, broker_url=own_valkey.url)
    depths(settings)  # imports what it needs
    os.kill(own_valkey.pid, signal.SIGSTOP)
    begun = time.monotonic()

    depths(settings)

    assert time.monotonic() - begun < 3
    assert rung.json("status")["queues"]["nightly"]["doorbells"] is None


def test_a_worker_that_works_by_itself_stops_in_order(rung: Deployment, own_valkey: Valkey, drawn_photos: Path) -> None:
    worker = rung.start_worker(1)
    own_valkey.kill()
    rung.json("scan", str(drawn_photos))
    wait_until(lambda: tagged(rung) > 50, "the first images", 60)

    assert worker.stop(timeout_s=60) == 0, worker.tail()

    items = rung.json("status")["items"]
    assert items.get("leased", 0) == 0
    assert items["pending"] > 0
