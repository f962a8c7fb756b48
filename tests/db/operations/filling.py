"""A large catalogue, filled by PostgreSQL itself, and a watch over the statements that are sent to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

from tests.db.catalogues import Catalogue

OBJECTS = """
INSERT INTO source_object (bucket, key, version_token, size, last_modified, first_seen)
SELECT 'photos', 'k' || n, 'v1', 1000, now() - n * interval '1 second', now() - interval '1 day'
FROM generate_series(1, :images) AS n
"""
ITEMS = """
INSERT INTO work_item (object_id, version_token, model_version_id, request_id, run_id, queue, priority, state,
                       eligible_at, fence)
SELECT id, 'v1', :model, 'scan', :run, 'nightly', 100, 'done', now(), 1 FROM source_object ORDER BY id
"""
RESULTS = """
INSERT INTO classification (work_item_id, object_id, model_version_id, fence, category, confidence, scores,
                            needs_review, created_at)
SELECT id, object_id, model_version_id, fence, CASE object_id % 2 WHEN 0 THEN 'Bag' ELSE 'Coat' END, 9000,
       '[9000, 1000]', object_id % 10 = 0, now()
FROM work_item WHERE run_id = :run AND state = 'done' ORDER BY id
"""
TAGS = """
INSERT INTO image_tag (object_id, category, confidence, needs_review, source, model_version_id, version, tagged_at)
SELECT object_id, category, confidence, needs_review, 'model', model_version_id, 1, now() FROM classification
"""
_NEW = """json_build_object('category', category, 'confidence', confidence, 'needs_review', needs_review,
 'review_reason', review_reason, 'source', source, 'model_version_id', model_version_id)"""
EVENTS = f"""
INSERT INTO tag_event (object_id, seq, old, new, actor, why, at)
SELECT object_id, version, (SELECT new FROM tag_event b WHERE b.object_id = t.object_id AND b.seq = t.version - 1),
       {_NEW}, :actor, 'classified', tagged_at FROM image_tag t
WHERE NOT EXISTS (SELECT 1 FROM tag_event e WHERE e.object_id = t.object_id AND e.seq = t.version)
"""


def fill(catalogue: Catalogue, images: int) -> None:
    """Add so many images, all tagged by the catalogue's run, which has finished."""
    run = {"run": catalogue.run_id}
    catalogue.sql(OBJECTS, images=images)
    catalogue.sql(ITEMS, model=catalogue.model_id, **run)
    catalogue.sql(RESULTS, **run)
    catalogue.sql(TAGS)
    catalogue.sql(EVENTS, actor=f"run:{catalogue.run_id}")
    catalogue.sql("UPDATE run SET state = 'finished'")
    analyze(catalogue)


def work_off(catalogue: Catalogue, run: int, category: str) -> None:
    """Do the work of a run: all of its items have this result now."""
    catalogue.sql("UPDATE work_item SET state = 'done', fence = 1 WHERE run_id = :run AND state = 'pending'", run=run)
    catalogue.sql(RESULTS, run=run)
    catalogue.sql(
        "UPDATE image_tag SET category = :category, version = version + 1, tagged_at = now() WHERE source = 'model'"
        " AND object_id IN (SELECT object_id FROM work_item WHERE run_id = :run AND state = 'done')",
        category=category,
        run=run,
    )
    catalogue.sql(EVENTS, actor=f"run:{run}")
    analyze(catalogue)


def analyze(catalogue: Catalogue) -> None:
    catalogue.sql("ANALYZE")


@dataclass
class Statements:
    """What was sent to the database."""

    longest_s: float = 0.0
    longest: str = ""
    most_rows: int = 0
    count: int = 0
    begun: dict[int, float] = field(default_factory=dict)


@contextmanager
def watched(engine: Engine) -> Iterator[Statements]:
    """Watch the statements until the block ends."""
    seen = Statements()

    def before(_: Any, cursor: Any, *__: Any) -> None:
        seen.begun[id(cursor)] = time.monotonic()

    def after(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        seconds = time.monotonic() - seen.begun.pop(id(cursor))
        seen.count += 1
        if seconds > seen.longest_s:
            seen.longest_s, seen.longest = seconds, statement
        if not statement.startswith("SELECT"):
            seen.most_rows = max(seen.most_rows, cursor.rowcount)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)
