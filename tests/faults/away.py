"""Redis or PostgreSQL away for a minute in the middle of a night on real servers: what that costs.

    python -m tests.faults.away postgresql --seconds 60 --images 7000 --json

One worker with one child, one scheduler. Exit code 1 if an image was lost or tagged twice, or an invariant is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from stack.processes import temporary_folder, wait_until
from stack.topology import Topology, topology
from tests.e2e.drawn import drawings, numbered

BUCKET = "away"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", choices=sorted(AWAY))
    parser.add_argument("--seconds", type=float, default=60, help="how long it is away")
    parser.add_argument("--images", type=int, default=7_000)
    parser.add_argument("--json", action="store_true", help="end in one JSON line on stdout")
    options = parser.parse_args(arguments)
    with temporary_folder("away") as folder, topology(folder, BUCKET, {"TAGGER_LEASE_S": "30"}) as running:
        result = measure(running, options.server, options.images, options.seconds)
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))
    return 1 if result["lost"] or result["doubled"] or result["violations"] else 0


def redis_away(running: Topology, seconds: float) -> None:
    running.broker.kill()
    time.sleep(seconds)
    running.broker.start()


def postgresql_away(running: Topology, seconds: float) -> None:
    os.kill(running.database.pid, signal.SIGQUIT)  # an immediate stop
    time.sleep(seconds)
    running.database.start()


AWAY: dict[str, Callable[[Topology, float], None]] = {"redis": redis_away, "postgresql": postgresql_away}


def measure(running: Topology, server: str, images: int, seconds: float) -> dict[str, Any]:
    """Take a server away in the middle of a night, and return what came of it."""
    upload(running, images)
    running.start("scheduler")
    running.start("worker", "worker", "--concurrency", "1")
    running.tagger("nightly")
    wait_until(lambda: value(running, DONE) > 0, "the first images", 120)
    before = value(running, DONE)
    AWAY[server](running, seconds)
    back_at = time.monotonic()
    result: dict[str, Any] = {"server": server, "images": images, "away_s": seconds, "tagged_before": before}
    result["tagged_meanwhile"] = value(running, DONE) - before
    wait_until(lambda: value(running, ENDED) == 1, "the end of the night", 600, every_s=0.2)
    result["night_ended_after_s"] = round(time.monotonic() - back_at, 1)
    result["lost"] = images - value(running, DONE)
    result["doubled"] = value(running, DOUBLED)
    result["violations"] = len(json.loads(running.tagger("verify", "--json").stdout)["violations"])
    return result


DONE = "SELECT count(DISTINCT object_id) FROM work_item WHERE state = 'done'"
ENDED = "SELECT count(*) FROM run WHERE state = 'finished'"
DOUBLED = """
SELECT coalesce(sum(n - 1), 0) FROM (
  SELECT count(*) AS n FROM classification c JOIN work_item w ON w.id = c.work_item_id
  GROUP BY w.object_id, w.version_token, w.request_id) AS x
"""


def value(running: Topology, question: str) -> int:
    url = running.environment["TAGGER_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return int(row[0])


def upload(running: Topology, images: int) -> None:
    client, pictures = running.store.client(), drawings()

    def put(number: int) -> None:
        body = numbered(pictures[number % len(pictures)], number)
        client.put_object(Bucket=BUCKET, Key=f"{number:05}.jpg", Body=body)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(images)))


if __name__ == "__main__":
    sys.exit(main())
