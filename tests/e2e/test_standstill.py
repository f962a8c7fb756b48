"""The promise, measured: when a worker dies, the work stands still for one lease and 30 s at most."""

from __future__ import annotations

import json
from pathlib import Path

from stack.processes import wait_until
from stack.servers import Seaweed
from tests.e2e.deployment import Deployment
from tests.e2e.drawn import drawings, numbered
from tests.faults.standstill import StandStill

LEASE_S = 5.0
IMAGES = 300


def test_after_the_death_of_every_worker_the_work_goes_on_within_a_lease_and_half_a_minute(
    distributed: Deployment, seaweed_server: Seaweed, tmp_path: Path
) -> None:
    bucket, pictures = seaweed_server.new_bucket(), drawings()
    for number in range(IMAGES):
        body = numbered(pictures[number % len(pictures)], number)
        seaweed_server.client().put_object(Bucket=bucket, Key=f"{number:03}.jpg", Body=body)
    distributed.settings["TAGGER_LEASE_S"] = str(LEASE_S)
    first, second = distributed.start_worker(), distributed.start_worker()
    with StandStill(distributed.settings["TAGGER_DATABASE_URL"]) as stand_still:
        run = distributed.start("run", f"s3://{bucket}", "--json")
        wait_until(lambda: stand_still.final > 20, "the first images", 60, 0.05)
        for worker in (first, second):
            worker.kill()
        distributed.start("worker", "--concurrency", "1")

        assert run.wait(timeout_s=180) == 0, run.tail()

    assert json.loads(run.tail().splitlines()[-1])["tagged"] == IMAGES
    print(f"stood still for {stand_still.longest_s:.1f} s")
    assert 1 < stand_still.longest_s <= LEASE_S + 30
    assert distributed.clean()
