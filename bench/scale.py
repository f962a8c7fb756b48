"""What a catalogue of millions costs: claims, status, a scan's page, `verify`, the end of a run, `failures`.

    python -m bench.scale                    300,000 objects on PostgreSQL from its wheel
    python -m bench.scale --objects 6000000 --json
    python -m bench.scale --database URL     an empty database, or one that an earlier call with this option has filled

Fails if `verify` finds anything. The images are rows that SQL makes, so no server but PostgreSQL is needed.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from bench.catalogue_rows import Sizes, fill
from bench.measure import machine
from bench.scan import GeneratedStore
from db import catalogue, heartbeats, invariants, migrations, runs
from db.queue import claims
from db.queue.leases import ClaimedItem, release
from db.schema import Run
from db.session import Sessions, connect, reading, sessions_of
from db.status import status
from scheduler.discovery import scan
from scheduler.scan_requests import ScanRequest
from stack.servers import postgres
from worker.storage.store import PAGE_KEYS

CHUNK = 256
CLAIMS = 60
TIMES = 7
KEYS_OF_A_PREFIX = 10_000
TARGETS_S = {
    "claim p95": 0.050,
    "claim of the other model p95": 0.050,
    "status": 0.500,
    "alive": 0.050,
    "scan page": 0.060,
    "closing a run": 1.0,
    "failures": 1.0,
    "verify, longest statement": 15.0,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0, or 1 where an invariant is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=300_000, help="(default: %(default)s)")
    parser.add_argument("--database", metavar="URL", help="instead of a server that goes when this ends")
    parser.add_argument("--json", action="store_true", help="end in one JSON line on stdout")
    options = parser.parse_args(arguments)
    with _database(options.database) as url:
        engine = connect(url, pool_size=4)
        measured = _measure(engine, url, Sizes(options.objects))
        engine.dispose()
    _show(measured)
    if options.json:
        print(json.dumps(measured))
    return 1 if measured["violations"] else 0


@contextmanager
def _database(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    with postgres() as server:
        yield server.new_database()


def _measure(engine: Engine, url: str, sizes: Sizes) -> dict[str, Any]:
    migrations.upgrade(engine)
    sessions = sessions_of(engine)
    began = time.perf_counter()
    with sessions() as session:
        is_filled = session.execute(select(Run.id).limit(1)).first() is not None
    if not is_filled:
        fill(url, sizes, _say)
    seconds: dict[str, float] = {"filling": time.perf_counter() - began}
    for name, measure in STEPS.items():
        _say(f"{name} …")
        seconds[name] = measure(sessions, sizes)
    seconds["verify"], seconds["verify, longest statement"], violations = _verify(sessions)
    return {
        "objects": sizes.objects,
        "held": sizes.held,
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "missed": [name for name, target in TARGETS_S.items() if seconds[name] > target],
        "violations": violations,
        "machine": machine(),
    }


def _claims(sessions: Sessions, model_version_id: int | None) -> float:
    """Claim chunks of what waits behind held items and give them back; return the 95th percentile of the seconds."""
    taken, held = [], list[list[ClaimedItem]]()
    for _ in range(CLAIMS):
        began = time.perf_counter()
        with reading(sessions) as session:
            model = claims.next_model(session, "nightly") if model_version_id is None else model_version_id
        if model is None:
            break
        with sessions.begin() as session:
            items = claims.claim(session, queue="nightly", model_version_id=model, owner="bench:1", limit=CHUNK)
        taken.append(time.perf_counter() - began)
        held.append(items)
    for items in held:
        with sessions.begin() as session:
            release(session, items)
    return statistics.quantiles(taken, n=20)[-1]


def _read(read: Callable[[Session], object]) -> Callable[[Sessions, Sizes], float]:
    def measure(sessions: Sessions, _: Sizes) -> float:
        return statistics.median(_seconds(sessions, read) for _ in range(TIMES))

    return measure


def _seconds(sessions: Sessions, work: Callable[[Session], object]) -> float:
    began = time.perf_counter()
    with reading(sessions) as session:
        work(session)
    return time.perf_counter() - began


def _alive(sessions: Sessions, _: Sizes) -> float:
    with sessions.begin() as session:
        heartbeats.beat(session, "bench:1", slots=2, started_at=datetime.now(UTC))
    return statistics.median(_seconds(sessions, lambda s: heartbeats.alive_on(s, "bench")) for _ in range(TIMES))


def _scan_page(sessions: Sessions, sizes: Sizes) -> float:
    """Scan prefixes of 10,000 known keys at both ends and in the middle; return the slowest's seconds a page."""
    prefixes = (sizes.objects - 1) // KEYS_OF_A_PREFIX
    slowest = 0.0
    for number in sorted({0, prefixes // 2, prefixes}):
        first = number * KEYS_OF_A_PREFIX
        keys = min(KEYS_OF_A_PREFIX, sizes.objects - first)
        store = GeneratedStore(keys, first=first, prefix=f"{number:04}/")
        with sessions.begin() as session:
            model = runs.register_model(session, "bench", "1")
            request: dict[str, Any] = {"kind": "scan", "selection": {}, "model": model, "requested_by": "person:bench"}
            run, _ = runs.open_run(session, logical_key=f"scan of {number}: {time.time()}", **request)
        began = time.perf_counter()
        scanned = scan(sessions, store, run.id, ScanRequest())
        slowest = max(slowest, (time.perf_counter() - began) / max(1, scanned.seen / PAGE_KEYS))
        assert (scanned.new, scanned.changed, scanned.gone) == (0, 0, 0), scanned
    return slowest


def _close(sessions: Sessions, _: Sizes) -> float:
    """Close the run of all the objects that are done."""
    began = time.perf_counter()
    with sessions.begin() as session:
        runs.close_finished(session, [1])
    seconds = time.perf_counter() - began
    with sessions() as session:
        assert session.get_one(Run, 1).state == "finished"
    return seconds


def _verify(sessions: Sessions) -> tuple[float, float, int]:
    """Return the seconds of all checks, those of the longest, and the number of violations."""
    with sessions() as session:
        steps = invariants.steps(session)
    longest, found, began = 0.0, 0, time.perf_counter()
    for step in steps:
        step_began = time.perf_counter()
        with reading(sessions) as session:
            violations = step.violations(session)
        longest, found = max(longest, time.perf_counter() - step_began), found + len(violations)
        for violation in violations[:3]:
            _say(str(violation))
    return time.perf_counter() - began, longest, found


STEPS: dict[str, Callable[[Sessions, Sizes], float]] = {
    "claim p95": lambda sessions, _: _claims(sessions, None),
    "claim of the other model p95": lambda sessions, _: _claims(sessions, 2),
    "status": _read(status),
    "alive": _alive,
    "scan page": _scan_page,
    "failures": _read(catalogue.failures),
    "closing a run": _close,
}


def _show(measured: dict[str, Any]) -> None:
    table = Table(title=f"{measured['objects']:,} objects, {measured['held']:,} held items", title_justify="left")
    for heading in ("what", "ms", "at most"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for name, seconds in measured["seconds"].items():
        target = f"{TARGETS_S[name] * 1000:,.0f}" if name in TARGETS_S else ""
        table.add_row(name, f"{seconds * 1000:,.1f}", target)
    Console(stderr=True).print(table, f"violations: {measured['violations']}")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
