"""What a catalogue costs in which a million items are done: claims, status, metrics, failures, closing, retention."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy.orm import Session

from bench import scale
from bench.catalogue_rows import Sizes, fill
from bench.operations.watching import Watch
from db import invariants
from db.operations import retention
from db.queue import claims, throttle
from db.session import Sessions, in_transaction, reading, sessions_of
from scheduler.monitoring.health import Health
from scheduler.monitoring.metrics import Catalogue
from worker import settings

TARGETS_S = {
    "claim p95": 0.020,
    "claim beside a held store p95": 0.050,
    "status": 0.100,
    "metrics": 0.100,
    "failures": 1.0,
    "closing a run": 1.0,
}
A_NIGHT = 50_000
"""Images whose older results, and first events, retention removes."""
IN_HELD_STORE = 100_000
_COLUMNS = (
    "work_item (object_id, version_token, model_version_id, request_id, run_id, queue, priority, state, eligible_at,"
    " fence, bucket)"
)
_RUN = (
    "INSERT INTO run (id, logical_key, kind, selection, bucket, model_version_id, requested_by, state, cursor, counts,"
    " created_at, updated_at) SELECT {run}, 'bench:{run}', 'reprocess', '{{}}', {bucket}, 1, 'person:bench', 'running',"
    " '', '{{}}', now(), now()"
)
_NEWER = (
    "UPDATE work_item SET eligible_at = now() - interval '500 days' WHERE run_id = 1",
    _RUN.format(run=5, bucket="'generated'"),
    f"INSERT INTO {_COLUMNS} SELECT id, version_token, 1, 'run:5', 5, 'ops', 10, 'done', now(), 1, 'generated'"
    f" FROM source_object WHERE id > {A_NIGHT} AND id <= 2 * {A_NIGHT}",
    "INSERT INTO classification (work_item_id, object_id, model_version_id, fence, category, confidence, scores,"
    " needs_review, created_at) SELECT id, object_id, 1, 1, 'Bag', 9000, '[9000, 1000]', false, now()"
    " FROM work_item WHERE run_id = 5",
    "INSERT INTO tag_event (object_id, seq, old, new, actor, why, at) SELECT e.object_id, 2, e.new, e.new, 'run:5',"
    " 'classified', now() - interval '450 days' FROM tag_event e JOIN work_item w ON w.object_id = e.object_id"
    " AND w.run_id = 5",
    "UPDATE tag_event SET at = now() - interval '500 days' WHERE seq = 1",
    "UPDATE image_tag SET version = 2 WHERE object_id IN (SELECT object_id FROM work_item WHERE run_id = 5)",
    "UPDATE run SET created_at = now() - interval '500 days' WHERE id = 1",
    "UPDATE run SET state = 'finished', finished_at = now() WHERE id = 5",
    "VACUUM ANALYZE",
)
_TWO_STORES = (
    _RUN.replace("{run}", "6").replace("{bucket}", "''"),
    f"INSERT INTO {_COLUMNS} SELECT id, version_token, 1, 'run:6', 6, 'ops', 10, 'pending', now(), 0,"
    " CASE WHEN n <= {held} THEN 'away' ELSE 'generated' END"
    " FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM source_object WHERE id > {after}) AS images"
    " WHERE n <= 2 * {held}",
    "ANALYZE work_item",
)


def measure(watch: Watch, url: str, done: int) -> dict[str, Any]:
    """Fill an empty catalogue and measure; return the seconds of each, missed targets, and retention's pace."""
    sizes = Sizes(done)
    fill(url, sizes, lambda _: None)
    sessions = sessions_of(watch.engine)
    seconds = {name: scale.STEPS[name](sessions, sizes) for name in ("claim p95", "status", "failures")}
    seconds["metrics"] = _median(sessions, lambda _: list(Catalogue(settings.load(), sessions, Health()).collect()))
    seconds["closing a run"] = scale.STEPS["closing a run"](sessions, sizes)
    after = sizes.held + sizes.going_on
    in_held = min(IN_HELD_STORE, (done - after) // 2)
    _execute(url, tuple(statement.format(held=in_held, after=after) for statement in _TWO_STORES))
    in_transaction(sessions, lambda session: throttle.hold(session, "away", "measured"))
    seconds["claim beside a held store p95"] = _claims_beside_held(sessions)
    _execute(url, _NEWER)
    removed = watch.measure("retention", lambda: _remove(sessions))
    return {
        "done": done,
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "removed": removed,
        "removed_a_second": round(sum(removed.values()) / watch.seen["retention"].seconds),
        "missed": [name for name, target in TARGETS_S.items() if seconds[name] > target],
        "violations": _violations(sessions),
    }


def _median(sessions: Sessions, read: Callable[[Session], object]) -> float:
    taken = []
    for _ in range(scale.TIMES):
        began = time.perf_counter()
        with reading(sessions) as session:
            read(session)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _claims_beside_held(sessions: Sessions) -> float:
    """Claim chunks of a run behind many items of a store that is held; return the 95th percentile of the seconds."""
    taken = []
    for _ in range(scale.CLAIMS):
        in_transaction(sessions, lambda session: throttle.hold(session, "away", "measured"))
        began = time.perf_counter()
        with sessions.begin() as session:
            assert claims.next_model(session, "ops") == 1
            items = claims.claim(session, queue="ops", model_version_id=1, owner="bench:1", limit=scale.CHUNK)
        taken.append(time.perf_counter() - began)
        assert len(items) == scale.CHUNK
    return statistics.quantiles(taken, n=20)[-1]


def _remove(sessions: Sessions) -> dict[str, int]:
    removed = dict.fromkeys(retention.STEPS, 0)
    before = datetime.now(UTC) - timedelta(days=settings.load().keep_days)
    for name, step in retention.STEPS.items():
        after: int | None = 0
        while after is not None:
            with sessions.begin() as session:
                done = step(session, before, after)
            removed[name], after = removed[name] + done.rows, done.after
    return removed


def _execute(url: str, statements: tuple[str, ...]) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(b"SET statement_timeout = 0")
        for statement in statements:
            connection.execute(statement.encode())


def _violations(sessions: Sessions) -> int:
    with reading(sessions) as session:
        return sum(1 for _ in invariants.violations(session))
