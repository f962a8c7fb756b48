"""A worker outlives whatever a stranger, or a failover, does to its Redis."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from stack.processes import Child, wait_until
from stack.servers import Valkey
from tests.conftest import SAMPLES
from tests.e2e.deployment import Deployment
from tests.worker.broker.messages import disguised, hostile, message


@pytest.fixture
def rung(tmp_path: Path, own_valkey: Valkey) -> Iterator[Deployment]:
    """Redis and SQLite, with tables, without workers; the folder `images` is what it tags."""
    images = tmp_path / "images"
    images.mkdir()
    deployment = Deployment(tmp_path, {"TAGGER_BROKER_URL": own_valkey.url, "TAGGER_SOURCE": str(images)})
    deployment.make_tables()
    yield deployment
    deployment.stop()


def tags_an_image(deployment: Deployment, worker: Child, name: str) -> bool:
    """Whether a new image is tagged by that same worker."""
    sample = next(path for path in sorted(SAMPLES.rglob("*")) if path.suffix in {".jpg", ".png"})
    shutil.copy(sample, deployment.folder / "images" / f"{name}{sample.suffix}")
    done = deployment.tagger("run", "--json", timeout_s=90)
    assert worker.alive, worker.tail()
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return bool(result["tagged"] == 1)


def test_no_message_ends_a_worker_or_swells_it(rung: Deployment, own_valkey: Valkey) -> None:
    worker = rung.start_worker()
    client = redis.Redis.from_url(own_valkey.url)
    process = psutil.Process(worker.pid)
    before = process.memory_info().rss

    client.lpush("nightly", *hostile().values(), *disguised())
    for _ in range(30):
        late = [json.dumps(message(headers={"eta": "2099-01-01T00:00:00+00:00"})) for _ in range(1000)]
        client.lpush("nightly", *late)
    wait_until(lambda: not worker.alive or client.llen("nightly") == 0, "the queue to be emptied", 120, 0.2)

    assert worker.alive, worker.tail()
    assert process.memory_info().rss - before < 40 * 2**20
    assert tags_an_image(rung, worker, "afterwards")
    client.close()


def test_a_worker_outlives_a_queue_of_another_type_and_a_failover_to_a_replica(
    rung: Deployment, own_valkey: Valkey
) -> None:
    worker = rung.start_worker()
    client = redis.Redis.from_url(own_valkey.url)

    client.set("nightly", "no list")
    client.set("_kombu.binding.nightly", "no set")
    wait_until(lambda: not worker.alive or "WRONGTYPE" in worker.tail(), "the worker to meet it", 60, 0.2)
    client.flushall()
    client.replicaof("127.0.0.1", 1)
    wait_until(lambda: not worker.alive or "ReadOnlyError" in worker.tail(), "the worker to meet it", 60, 0.2)
    client.replicaof("NO", "ONE")

    assert worker.alive, worker.tail()
    assert tags_an_image(rung, worker, "afterwards")
    client.close()
