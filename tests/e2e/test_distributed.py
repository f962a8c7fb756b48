"""The same work from S3 with Redis, Celery workers and PostgreSQL, whatever is killed."""

from __future__ import annotations

import json
import random
import subprocess
import time

import psutil
import pytest
from sqlalchemy import text

from db.session import connect
from stack.processes import wait_until
from stack.servers import Postgres, Valkey
from tests.e2e.conftest import Bucket
from tests.e2e.deployment import Deployment, children_of, family_of


def final_tags(deployment: Deployment) -> tuple[int, int, int]:
    """Images tagged, classifications, and items that have more than one."""
    engine = connect(deployment.settings["TAGGER_DATABASE_URL"])
    with engine.connect() as connection:
        tags = connection.execute(text("SELECT count(*) FROM image_tag")).scalar_one()
        results = connection.execute(text("SELECT count(*) FROM classification")).scalar_one()
        twice = (
            "SELECT count(*) FROM (SELECT object_id FROM classification GROUP BY object_id HAVING count(*) > 1) AS x"
        )
        double = connection.execute(text(twice)).scalar_one()
    engine.dispose()
    return tags, results, double


def let_a_minute_pass(deployment: Deployment) -> None:
    """Let the last progress of each scan be longer ago than the scheduler waits before it takes one over."""
    engine = connect(deployment.settings["TAGGER_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(text("UPDATE run SET updated_at = updated_at - interval '2 minutes'"))
    engine.dispose()


def test_two_workers_tag_every_photograph_of_a_bucket_once(distributed: Deployment, bucket_of_photos: Bucket) -> None:
    distributed.popen = subprocess.Popen  # the main job, as a user starts it: memory and libraries are measured
    workers = [distributed.start_worker(), distributed.start_worker()]

    result = distributed.json("run", bucket_of_photos.source)

    assert (result["seen"], result["new"], result["tagged"]) == (bucket_of_photos.images,) * 3
    assert final_tags(distributed) == (bucket_of_photos.images, bucket_of_photos.images, 0)
    assert distributed.clean()
    family = [child for worker in workers for child in family_of(worker)]
    memory = [child.memory_info().rss / 2**20 for child in family]
    print(f"worker children: {[round(megabytes) for megabytes in memory]} MB, {result['images_per_second']} images/s")
    assert max(memory) < 300
    assert all(
        "tensorflow" not in mapping.path
        for worker in workers
        for child in children_of(worker)
        for mapping in child.memory_maps()
    )


def test_nothing_is_lost_or_tagged_twice_when_a_child_redis_postgresql_and_a_worker_are_killed(
    distributed: Deployment, bucket_of_photos: Bucket, own_valkey: Valkey, postgres_server: Postgres
) -> None:
    seed = random.randrange(10_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    workers = [distributed.start_worker(2), distributed.start_worker(1)]
    following = distributed.begin("run", bucket_of_photos.source, "--json")

    def tagged() -> int:
        return distributed.look()["items"].get("done", 0)

    wait_until(lambda: tagged() > 70, "the first images", 60, 0.05)
    chance.choice(children_of(workers[0])).kill()
    wait_until(lambda: tagged() > 270, "more images", 60, 0.05)
    own_valkey.restart()
    wait_until(lambda: tagged() > 470, "images after the broker's death", 60, 0.05)
    postgres_server.restart()
    wait_until(lambda: tagged() > 670, "images after the database's death", 60, 0.05)
    workers[1].kill()
    time.sleep(1)
    distributed.start_worker(1)
    out, err = following.communicate(timeout=200)

    assert following.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["tagged"] == bucket_of_photos.images
    assert final_tags(distributed) == (bucket_of_photos.images, bucket_of_photos.images, 0)
    assert distributed.clean()


def test_the_scheduler_goes_on_with_a_run_whose_command_was_killed(
    distributed: Deployment, bucket_of_photos: Bucket
) -> None:
    distributed.start_worker(2)
    distributed.start("scheduler")
    following = distributed.start("run", f"{bucket_of_photos.source}/test/")
    wait_until(lambda: distributed.look()["items"], "the scan", 60, 0.1)
    following.kill()
    let_a_minute_pass(distributed)

    wait_until(lambda: not distributed.look()["runs"], "the scheduler to finish the run", 90, 0.5)

    assert final_tags(distributed) == (372, 372, 0)
    assert distributed.clean()


def test_a_worker_stops_in_order_and_gives_its_chunk_back(distributed: Deployment, bucket_of_photos: Bucket) -> None:
    worker = distributed.start_worker(2)
    following = distributed.start("run", bucket_of_photos.source)
    wait_until(lambda: distributed.look()["items"].get("done", 0) > 100, "the first images", 60, 0.2)
    begun = time.monotonic()

    status = worker.stop(timeout_s=60)

    took = time.monotonic() - begun
    items = distributed.json("status")["items"]
    assert status == 0, worker.tail()
    assert took < 20
    assert items.get("leased", 0) == 0
    assert following.stop(timeout_s=30) == 130
    assert distributed.clean()


@pytest.mark.parametrize("verb", ["worker", "scheduler"])
def test_processes_leave_nothing_behind(distributed: Deployment, verb: str) -> None:
    process = distributed.start(verb)
    wait_until(lambda: "started" in process.tail() or distributed.look()["workers"], "its start", 60, 0.3)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]

    status = process.stop(timeout_s=30)

    assert status == 0, process.tail()
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
