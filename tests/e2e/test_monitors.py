"""TAGGER_CELERY_MONITORING: `celery inspect`, Flower and an exporter see workers and doorbells; off, nobody does."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from prometheus_client.parser import text_string_to_metric_families

from stack.processes import Child, wait_until
from stack.servers import valkey
from tests.conftest import SAMPLES
from tests.e2e.deployment import Deployment, rows_of
from tests.e2e.monitors import Page, exporter, flower, monitor, overheard, said
from worker import celery as broker
from worker.celery import create_app
from worker.settings import Settings

RUNG = "tagger.classify (nightly)"


@dataclass
class Watched:
    """Two workers at one Redis: one is monitored, the other works in a database of its own and is not."""

    url: str
    overheard: list[str]
    on: Deployment
    off: Deployment
    workers: list[Child]
    flower: Page
    exporter: Page | None
    _apps: dict[str, Celery] = field(default_factory=dict)

    def ring(self, monitoring: str = "on") -> None:
        """Ring a worker, as the scheduler does."""
        if monitoring not in self._apps:
            settings = Settings(broker_url=self.url_of(monitoring), celery_monitoring=monitoring)
            self._apps[monitoring] = create_app(settings)
        broker.ring(self._apps[monitoring], "nightly")

    def url_of(self, monitoring: str) -> str:
        return self.url if monitoring == "on" else self.url.removesuffix("/0") + "/1"

    def ring_until_seen(self, page: Page, path: str, sign: str) -> str:
        """Ring now and then until a monitor shows this; it may have begun to listen a moment ago."""
        seen: list[str] = []

        def shows() -> bool:
            self.ring()
            time.sleep(0.5)
            seen.append(page.get(path))
            return sign in seen[-1]

        wait_until(shows, f"{sign} at {path}", 60, 0.2)
        return seen[-1]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with ExitStack() as stack:
        server = stack.enter_context(valkey())
        channels = stack.enter_context(overheard(server.url))
        folders = [tmp_path_factory.mktemp(name) for name in ("on", "off")]
        on, off = (Deployment(folder, settings(server.url, folder)) for folder in folders)
        on.settings["TAGGER_CELERY_MONITORING"] = "on"
        off.settings["TAGGER_BROKER_URL"] = server.url.removesuffix("/0") + "/1"
        pages = flower(on.folder, server.url), exporter(on.folder, server.url)
        assert on.tagger("db", "upgrade").returncode == 0
        shutil.copy(on.folder / "tagger.db", off.folder)
        workers = [deployment.start("worker", "--concurrency", "1") for deployment in (on, off)]
        stack.callback(stop, [*workers, *(page.process for page in pages if page)])
        for deployment in (on, off):
            wait_until(lambda: rows_of("worker_heartbeat", deployment) == 1, "a worker's heartbeat", 60)  # noqa: B023
        yield Watched(server.url, channels, on, off, workers, *pages)


def stop(children: list[Child]) -> None:
    """Ask all to end, then wait for each."""
    for child in children:
        child.process.terminate()
    for child in children:
        child.stop()


def settings(url: str, folder: Path) -> dict[str, str]:
    shutil.copytree(SAMPLES, folder / "images")
    return {"TAGGER_BROKER_URL": url, "TAGGER_SOURCE": str(folder / "images")}


def test_celery_inspect_and_events_show_workers_doorbells_and_what_came_of_them(watched: Watched) -> None:
    looking = monitor(watched.url, "look")

    while looking.poll() is None:  # a doorbell now and then, until it has seen one
        watched.on.json("run", "--limit", "8")
    seen = said(looking)

    [name] = seen["ping"]
    assert seen["ping"][name] == {"ok": "pong"}, watched.workers[0].tail()
    assert isinstance(seen["active"][name], list)
    assert seen["stats"][name]["pool"]["max-concurrency"] == 1
    assert seen["registered"][name] == ["tagger.classify", "tagger.nightly"]
    assert {queue["name"] for queue in seen["active_queues"][name]} == {"ops", "nightly"}
    events = seen["events"]
    assert {"task-sent", "task-received", "task-started", "task-succeeded", "worker-heartbeat"} <= set(events)
    assert events["task-received"]["name"] == "tagger.classify (ops)"
    assert events["task-received"]["uuid"] == events["task-sent"]["uuid"]
    assert "'tagged': " in events["task-succeeded"]["result"]


def test_flower_shows_the_worker_and_each_doorbell_with_its_outcome(watched: Watched) -> None:
    watched.ring_until_seen(watched.flower, "/api/tasks", RUNG)
    tasks: dict[str, dict[str, Any]] = json.loads(watched.ring_until_seen(watched.flower, "/api/tasks", "SUCCESS"))
    workers = json.loads(watched.flower.get("/api/workers?refresh=true"))

    done = [task for task in tasks.values() if task["state"] == "SUCCESS"]
    assert {task["name"].partition(" ")[0] for task in done} == {"tagger.classify"}
    assert all("'tagged': " in task["result"] for task in done)
    [name] = workers
    assert name.startswith("tagger@")
    assert "tagger.classify" in workers[name]["registered"]


def test_the_prometheus_exporter_counts_doorbells(watched: Watched) -> None:
    if watched.exporter is None:
        pytest.skip("needs prometheus-exporter-celery in a folder of its own: make monitors")
    text = watched.ring_until_seen(watched.exporter, "/metrics", f'name="{RUNG}"')

    values = {
        (sample.name, sample.labels.get("name")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["celery_task_received_total", RUNG] >= 1
    assert values["celery_worker_up", None] == 1


def test_without_it_nothing_is_told_and_nobody_can_command(watched: Watched) -> None:
    watched.ring("off")
    wait_until(lambda: "worked" in watched.workers[1].tail(), "the doorbell's work", 60)
    watched.ring("on")
    wait_until(lambda: any("task" in channel for channel in watched.overheard), "the other's events", 60)

    assert [channel for channel in watched.overheard if channel.startswith("/1.")] == []
    assert {channel.split(".")[0] for channel in watched.overheard} == {"/0"}
    assert Celery(broker=watched.url_of("off")).control.inspect(timeout=1).ping() is None
