"""Workers are killed with their chunk, in part or whole: it goes on at once, or within one lease and half a minute."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.processes import wait_until
from stack.servers import Valkey
from tests.e2e.deployment import Deployment, children_of, family_of, tagged

LEASE_S = 8


@pytest.fixture
def rung(tmp_path: Path, own_valkey: Valkey) -> Iterator[Deployment]:
    """Redis and SQLite, with tables, without workers."""
    deployment = Deployment(tmp_path, {"TAGGER_BROKER_URL": own_valkey.url, "TAGGER_CHUNK": "200"})
    deployment.make_tables()
    yield deployment
    deployment.stop()


def test_the_images_of_a_child_that_was_killed_do_not_wait_for_the_end_of_its_lease(
    rung: Deployment, drawn_photos: Path
) -> None:
    worker = rung.start_worker(1)
    run = rung.start("run", str(drawn_photos / "test"))
    wait_until(lambda: tagged(rung) > 50, "the first images", 60)
    before = time.monotonic()

    (child,) = children_of(worker)
    child.kill()
    status = run.wait(timeout_s=150)

    print(f"the run ended {time.monotonic() - before:.1f} s after the kill, at a lease of 180 s")
    assert status == 0, run.tail()
    assert "child_died" in worker.tail(100_000)
    assert rung.clean()
    assert worker.stop(timeout_s=60) == 0, worker.tail()


def test_after_the_death_of_a_whole_worker_its_images_go_on_within_a_lease_and_half_a_minute(
    rung: Deployment, drawn_photos: Path
) -> None:
    rung.settings["TAGGER_LEASE_S"] = str(LEASE_S)
    worker = rung.start_worker(2)
    run = rung.start("run", str(drawn_photos / "test"))
    wait_until(lambda: tagged(rung) > 50, "the first images", 60)

    for process in (worker, *family_of(worker)):
        os.kill(process.pid, signal.SIGKILL)
    killed, done = time.monotonic(), tagged(rung)
    rung.start_worker(2)
    started = time.monotonic()
    wait_until(lambda: tagged(rung) > done, "the first image after the kill", 120)
    went_on = time.monotonic()
    status = run.wait(timeout_s=120)

    print(f"stood still for {went_on - killed:.1f} s, all tagged {time.monotonic() - killed:.1f} s after the kill")
    assert status == 0, run.tail()
    assert went_on - max(started, killed + LEASE_S) < 30
    assert rung.clean()
