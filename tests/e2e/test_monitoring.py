"""TAGGER_CELERY_MONITORING: monitors of others see the workers, and whatever they do loses nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stack.processes import wait_until
from stack.servers import Valkey
from tests.conftest import SAMPLES
from tests.e2e.deployment import Deployment, rows_of
from worker.celery import create_app
from worker.settings import Settings

MONITOR = Path(__file__).parent / "monitor.py"


@pytest.fixture
def monitored(tmp_path: Path, own_valkey: Valkey) -> Iterator[Deployment]:
    """Redis and SQLite, with tables and the sample images, without workers."""
    for name in ("a", "b", "c"):
        shutil.copytree(SAMPLES, tmp_path / "images" / name)
    settings = {"TAGGER_BROKER_URL": own_valkey.url, "TAGGER_SOURCE": str(tmp_path / "images"), "TAGGER_LEASE_S": "6"}
    deployment = Deployment(tmp_path, settings | {"TAGGER_CELERY_MONITORING": "on", "TAGGER_CHUNK": "8"})
    assert deployment.tagger("db", "upgrade").returncode == 0
    yield deployment
    deployment.stop()


def monitor(url: str, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, MONITOR, url, what], stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> Any:
    out, _ = process.communicate(timeout=150)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


def test_a_plain_celery_monitor_sees_workers_doorbells_and_what_came_of_them(
    monitored: Deployment, own_valkey: Valkey
) -> None:
    worker = monitored.start_worker()
    looking = monitor(own_valkey.url, "look")

    while looking.poll() is None:  # a doorbell now and then, until it has seen one
        monitored.json("run", "--limit", "8")
    seen = said(looking)

    [name] = seen["ping"]
    assert seen["ping"][name] == {"ok": "pong"}, worker.tail()
    assert seen["registered"][name] == ["tagger.classify", "tagger.nightly"]
    assert {queue["name"] for queue in seen["queues"][name]} == {"ops", "nightly"}
    events = seen["events"]
    assert {"task-sent", "task-received", "task-started", "task-succeeded", "worker-heartbeat"} <= set(events)
    assert events["task-received"]["name"] == "tagger.classify (ops)"
    assert events["task-received"]["uuid"] == events["task-sent"]["uuid"]
    assert "'tagged': " in events["task-succeeded"]["result"]


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


def test_monitoring_is_off_unless_it_is_asked_for() -> None:
    off, on = create_app(Settings()), create_app(Settings(celery_monitoring="on"))

    names = ("worker_enable_remote_control", "worker_send_task_events", "task_send_sent_event")
    assert [[bool(app.conf[name]) for name in names] for app in (off, on)] == [[False] * 3, [True] * 3]
