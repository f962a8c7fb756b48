"""Scan a generated listing whose every key is known, and print what it cost this process, as one JSON line.

python -m tests.scheduler.known_keys catalogue.db 200000
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.measure import own_peak_mb
from db import migrations
from db.session import Sessions, connect, sessions_of
from scheduler import discovery
from scheduler.scan_requests import ScanRequest
from tests.db.catalogues import LONG_AGO, Catalogue, a_catalogue
from tests.scheduler.memory_store import Shelf, stored
from worker.storage.store import PAGE_KEYS, StoredObject

FIRST = 100_000_000  # all numbers have nine digits: their order is that of their keys


@dataclass
class Generated(Shelf):
    """`count` keys that are made as they are listed."""

    count: int = 0

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        for start in range(0, self.count, PAGE_KEYS):
            yield [stored(f"catalogue/{FIRST + number}.jpg", "v1") for number in range(start, start + PAGE_KEYS)]


def know(catalogue: Catalogue, count: int) -> None:
    """`count` objects, each with its item done."""
    catalogue.sql(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)"
        " INSERT INTO source_object (bucket, key, version_token, size, last_modified, first_seen)"
        " SELECT 'photos', 'catalogue/' || (:first + i) || '.jpg', 'v1', 1000, :at, :at FROM n",
        count=count,
        first=FIRST,
        at=LONG_AGO,
    )
    catalogue.sql(
        "INSERT INTO work_item (object_id, version_token, model_version_id, request_id, run_id, queue, priority,"
        " state, eligible_at) SELECT id, 'v1', :model, 'scan', :run, 'nightly', 1, 'done', :at FROM source_object",
        model=catalogue.model_id,
        run=catalogue.run_id,
        at=LONG_AGO,
    )


def measure(sessions: Sessions, count: int) -> dict[str, float]:
    catalogue = a_catalogue(sessions)
    know(catalogue, count)
    run = catalogue.another_run("scan:measured", state="scanning")
    began, cpu = time.perf_counter(), time.process_time()
    scanned = discovery.scan(sessions, Generated(count=count), run, ScanRequest())
    return {
        "cpu_s": round(time.process_time() - cpu, 2),
        "wall_s": round(time.perf_counter() - began, 2),
        "peak_mb": round(own_peak_mb(), 1),
        "seen": scanned.seen,
        "new": scanned.new,
        "changed": scanned.changed,
        "gone": scanned.gone,
    }


def main() -> None:
    engine = connect(f"sqlite:///{sys.argv[1]}")
    migrations.upgrade(engine)
    print(json.dumps(measure(sessions_of(engine), int(sys.argv[2]))))
    engine.dispose()


if __name__ == "__main__":
    main()
