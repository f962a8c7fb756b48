"""The cost of a scan that finds nothing new, in a process of its own.

    python -m bench.scan                   200,000 keys; target: < 15 s of CPU, < 200 MB
    python -m bench.scan --keys 1000000

The listing is generated, the catalogue is PostgreSQL, and the second of two scans is measured.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bench.measure import own_peak_mb
from db import migrations, runs
from db.session import Sessions, connect, sessions_of
from scheduler.discovery import Scanned, scan
from scheduler.scan_requests import ScanRequest
from stack.processes import spawn, temporary_folder
from stack.servers import postgres
from worker.storage.store import PAGE_KEYS, Store, StoredObject

_KEYS = 200_000
_LISTED_AT = datetime(2026, 11, 22, tzinfo=UTC)


class GeneratedStore:
    """Store of `keys` generated objects `0000/0000000.jpg` …, from number `first` on, listed as a bucket would."""

    bucket = "generated"
    left_out = 0

    def __init__(self, keys: int, *, first: int = 0, prefix: str = "") -> None:
        self._numbers = range(first, first + keys)
        self.prefix = prefix

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        """Yield pages of objects in key order, from the first key after `after` on."""
        objects = (item for number in self._numbers if (item := self._object(number)).key > after)
        while page := list(islice(objects, PAGE_KEYS)):
            yield page

    def read(self, key: str, version_token: str, *, max_bytes: int) -> bytes:
        """Raise: a scan reads no image."""
        raise AssertionError((key, version_token, max_bytes))

    def presign(self, key: str, *, expires_s: int = 3600) -> str:
        """Raise: a scan shows no image."""
        raise AssertionError((key, expires_s))

    def check(self) -> None:
        """Do nothing: this store can always be reached."""

    def _object(self, number: int) -> StoredObject:
        size = 60_000 + number % 30_000
        return StoredObject(f"{number // 10_000:04}/{number:07}.jpg", f"{number:032x}:{size}", size, _LISTED_AT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one JSON line; return 1 unless the scan found every key known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=_KEYS, help="how many (default: %(default)s)")
    parser.add_argument("--database", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.database:
        return _measured_scan(options.database, options.keys)
    with temporary_folder("scan") as folder, postgres() as server:
        url = server.new_database()
        _scan(url, options.keys, "first")
        command = [sys.executable, "-m", "bench.scan", "--keys", str(options.keys), "--database", url]
        child = spawn(command, folder / "scan.log", cwd=Path(__file__).parent.parent)
        status = child.wait(timeout_s=1800)
        print(child.tail().strip())
    return status


def _measured_scan(url: str, keys: int) -> int:
    began = time.perf_counter()
    scanned = _scan(url, keys, "second")
    used = resource.getrusage(resource.RUSAGE_SELF)
    measured = {
        "keys": scanned.seen,
        "new": scanned.new,
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(own_peak_mb(), 1),
    }
    print(json.dumps(measured))
    return 0 if (scanned.seen, scanned.new, scanned.changed, scanned.gone) == (keys, 0, 0, 0) else 1


def _scan(url: str, keys: int, name: str) -> Scanned:
    with catalogue(url) as sessions:
        return scan_in_run(sessions, GeneratedStore(keys), name)[1]


@contextmanager
def catalogue(url: str) -> Iterator[Sessions]:
    """Open a catalogue for a `with` block, and make its tables if it has none."""
    engine = connect(url)
    try:
        migrations.upgrade(engine)
        yield sessions_of(engine)
    finally:
        engine.dispose()


def scan_in_run(sessions: Sessions, store: Store, name: str) -> tuple[int, Scanned]:
    """Scan a store in a run of its own; return the model_version id of its work, and what the scan found."""
    with sessions.begin() as session:
        model = runs.register_model(session, "bench", "1")
        run, _ = runs.open_run(session, logical_key=name, kind="scan", selection={}, model=model, requested_by="bench")
        run_id, model_version_id = run.id, model.id
    return model_version_id, scan(sessions, store, run_id, ScanRequest())


if __name__ == "__main__":
    sys.exit(main())
