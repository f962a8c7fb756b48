"""A catalogue of any size, filled by SQL: a night that is done, a paused run, another model's, and one that goes on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

SINCE = "2026-11-22"
OBJECTS_A_STEP = 1_000_000
FAILED_IN, REVIEWED_IN = 500, 10
"""One image in so many is skipped, or is flagged."""
LARGE = ("source_object", "work_item", "classification", "image_tag", "tag_event")

_SETTINGS = (
    "session_replication_role = replica",  # no triggers, no foreign keys
    "statement_timeout = 0",
    "lock_timeout = 0",
    "maintenance_work_mem = '512MB'",
)
_RUNS = (
    "INSERT INTO model_version (id, name, version, registered_at)"
    " VALUES (1, 'bench', '1', now()), (2, 'other', '1', now())",
    "INSERT INTO run (id, logical_key, kind, selection, model_version_id, requested_by, state, cursor, counts,"
    " created_at, updated_at) SELECT id, 'bench:' || id, 'bench', '{}', model, 'person:bench', state, '',"
    """ '{"seen": 0, "new": 0}', now(), now() FROM (VALUES"""
    " (1, 1, 'running'), (2, 1, 'paused'), (3, 2, 'running'), (4, 1, 'running')) AS runs (id, model, state)",
)
_TOKEN = "lpad(to_hex(n - 1), 32, '0') || ':' || 60000 + (n - 1) % 30000"
_COUNTS = (
    "INSERT INTO run_count (run_id, name, items) SELECT run_id, state, count(*) FROM work_item GROUP BY 1, 2",
    "INSERT INTO run_count (run_id, name, items)"
    " SELECT 1, 'needs_review', count(*) FROM classification WHERE needs_review",
)
_NEW = (
    "json_build_object('category', {category}, 'confidence', {confidence}, 'needs_review', {flagged},"
    " 'review_reason', {reason},"
    " 'source', 'model', 'model_version_id', 1)"
)
_CATEGORIES = (
    "ARRAY['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot']"
)
_ITEM = (
    "work_item (id, object_id, version_token, model_version_id, request_id, run_id, queue, priority, state,"
    " eligible_at, fence, reason, detail)"
)


@dataclass(frozen=True)
class Sizes:
    """How many objects there are; how many items wait in each held run, and in the one that goes on, if any `waits`."""

    objects: int
    waits: bool = True
    all_flagged: bool = False
    """All images wait for review, in ten categories and with confidences of all sizes, and four are a product."""

    @property
    def held(self) -> int:
        return min(500_000, self.objects // 4)

    @property
    def going_on(self) -> int:
        return min(40_000, self.objects // 4)


def fill(url: str, sizes: Sizes, say: Callable[[str], None]) -> None:
    """Fill an empty catalogue. Its indexes are taken away before and made again after."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in (*(f"SET {setting}" for setting in _SETTINGS), *_RUNS):
            connection.execute(statement.encode())
        again = _without_indexes(connection)
        for table in LARGE:
            for first in range(1, sizes.objects + 1, OBJECTS_A_STEP):
                last = min(first + OBJECTS_A_STEP - 1, sizes.objects)
                _timed(connection, _done(first, last, sizes.all_flagged)[table], say, f"{table} up to {last:,}")
        for statement in _waiting(sizes) if sizes.waits else ():
            _timed(connection, statement, say, "items that wait")
        for statement in (*_COUNTS, *again, f"VACUUM (ANALYZE) {', '.join((*LARGE, 'run_count'))}"):
            _timed(connection, statement, say, statement[:100])
        for table in ("run", "model_version", *LARGE):
            if table != "image_tag":
                connection.execute(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))".encode())


def _done(first: int, last: int, all_flagged: bool) -> dict[str, str]:
    """Return a statement for each table that adds the rows of a range of images, which are tagged or skipped."""
    is_flagged, category, confidence, reason, product = f"n % {REVIEWED_IN} = 3", "'Bag'", "9000", "NULL", "NULL"
    if all_flagged:
        is_flagged, category, confidence = "true", f"({_CATEGORIES})[1 + n % 10]", "2000 + n % 7000 * 7919 % 7000"
        reason, product = "'low_confidence'", "'p' || n / 4"
    said = {"category": category, "confidence": confidence, "flagged": is_flagged, "reason": reason}
    images = f"FROM generate_series({first}, {last}) AS n"
    is_bad = f"n % {FAILED_IN} = 7"
    tagged = f"{images} WHERE NOT {is_bad}"
    return {
        "source_object": "INSERT INTO source_object (id, bucket, key, version_token, size, last_modified, first_seen,"
        " product_id)"
        " SELECT n, 'generated', lpad(((n - 1) / 10000)::text, 4, '0') || '/' || lpad((n - 1)::text, 7, '0') || '.jpg',"
        f" {_TOKEN}, 60000 + (n - 1) % 30000, '{SINCE}Z', now(), {product} {images}",
        "work_item": f"INSERT INTO {_ITEM} SELECT n, n, {_TOKEN}, 1, 'scan', 1, 'nightly', 100,"
        f" CASE WHEN {is_bad} THEN 'skipped' ELSE 'done' END, now(), 1,"
        f" CASE WHEN {is_bad} THEN 'corrupt' END, CASE WHEN {is_bad} THEN 'no image' END {images}",
        "classification": "INSERT INTO classification (id, work_item_id, object_id, model_version_id, fence, category,"
        " confidence, scores, needs_review, review_reason, created_at)"
        f" SELECT n, n, n, 1, 1, {category}, {confidence}, '[9000, 1000]', {is_flagged}, {reason}, now() {tagged}",
        "image_tag": "INSERT INTO image_tag (object_id, category, confidence, needs_review, review_reason, source,"
        f" model_version_id, version, tagged_at) SELECT n, {category}, {confidence}, {is_flagged}, {reason}, 'model',"
        f" 1, 1, '{SINCE}Z' {tagged}",
        "tag_event": "INSERT INTO tag_event (id, object_id, seq, new, actor, why, at) SELECT n, n, 1,"
        f" {_NEW.format(**said)}, 'run:1', 'classified', '{SINCE}Z' {tagged}",
    }


def _waiting(sizes: Sizes) -> list[str]:
    """Return the statements that add waiting items: of the paused run, of the other model, of the run that goes on."""
    held, objects = sizes.held, sizes.objects
    waiting = (
        (2, 1, 1, held, objects),
        (3, 2, 1, held, objects + held),
        (4, 1, held + 1, held + sizes.going_on, objects + held),
    )
    return [
        f"INSERT INTO {_ITEM} SELECT n + {offset}, n, {_TOKEN}, {model}, 'again:{run}', {run}, 'nightly',"
        f" {100 * model}, 'pending', now() - interval '1 hour', 0, NULL, NULL"
        f" FROM generate_series({first}, {last}) AS n"
        for run, model, first, last, offset in waiting
    ]


def _without_indexes(connection: psycopg.Connection[Any]) -> list[str]:
    """Drop constraints and indexes of the large tables; return the statements that make them again."""
    tables = [list(LARGE)]
    constraints = connection.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype = 'f' FROM pg_constraint"
        " WHERE conrelid::regclass::text = ANY(%s) AND contype IN ('p', 'u', 'f')"
        " OR confrelid::regclass::text = ANY(%s) ORDER BY contype = 'f' DESC",
        tables * 2,
    ).fetchall()
    for table, name, _, _ in constraints:
        connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())
    indexes = connection.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)", tables)
    definitions = dict(indexes.fetchall())
    for name in definitions:
        connection.execute(f'DROP INDEX "{name}"'.encode())
    added = [
        f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}{" NOT VALID" if foreign else ""}'
        for table, name, definition, foreign in reversed(constraints)
    ]
    return [*definitions.values(), *added]


def _timed(connection: psycopg.Connection[Any], statement: str, say: Callable[[str], None], what: str) -> None:
    began = time.perf_counter()
    connection.execute(statement.encode())
    say(f"{time.perf_counter() - began:7.1f} s  {what}")
