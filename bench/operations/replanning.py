"""A re-run of a whole catalogue: planned, opened while people decide, cancelled, resumed, worked off and undone."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
from sqlalchemy import Engine

from bench.catalogue_rows import Sizes, fill
from bench.operations.deciding import Deciding
from bench.operations.watching import Watch
from db import catalogue, invariants, runs
from db.operations import control
from db.operations.selection import Selection
from db.schema import Plan, Run
from db.session import Sessions, reading, sessions_of
from worker.operations import control as commands
from worker.operations.reprocess import make_plan, open_plan
from worker.operations.undo import undo

BENCH = "person:bench"
DECIDED_SHARE = 0.009
"""What share of the images people must have decided before the opening ends; they are asked for one in a hundred."""
TARGETS_S = {"plan": 2.0, "open": 10.0, "cancel": 10.0, "undo": 60.0, "undo of the undo": 60.0}
LONGEST_S = 0.5
"""What no statement may take."""
_FIELDS = "category, confidence, needs_review, review_reason, source, model_version_id"
_WORKED_OFF = (
    "UPDATE work_item i SET state = 'skipped', reason = 'corrupt' WHERE run_id = {run} AND state = 'pending'"
    " AND NOT EXISTS (SELECT 1 FROM image_tag t WHERE t.object_id = i.object_id)",
    "UPDATE work_item SET state = 'done', fence = 1 WHERE run_id = {run} AND state = 'pending'",
    "INSERT INTO classification (work_item_id, object_id, model_version_id, fence, category, confidence, scores,"
    " needs_review, created_at) SELECT id, object_id, model_version_id, 1, 'Shirt', 9000, '[9000, 1000]', false, now()"
    " FROM work_item WHERE run_id = {run} AND state = 'done'",
    "UPDATE image_tag SET category = 'Shirt', needs_review = false, version = version + 1, tagged_at = now()"
    " WHERE source = 'model' AND object_id IN"
    " (SELECT object_id FROM work_item WHERE run_id = {run} AND state = 'done')",
    "INSERT INTO tag_event (object_id, seq, old, new, actor, why, at) SELECT e.object_id, e.seq + 1, e.new,"
    f" (SELECT row_to_json(tag) FROM (SELECT {_FIELDS} FROM image_tag t WHERE t.object_id = e.object_id) AS tag),"
    " 'run:{run}', 'classified', t.tagged_at FROM tag_event e JOIN image_tag t ON t.object_id = e.object_id"
    " AND t.version = e.seq + 1 AND t.source = 'model'",
    "ANALYZE",
)


def measure(watch: Watch, url: str, images: int) -> dict[str, Any]:
    """Fill an empty catalogue and measure; return what the issue asks for, missed targets among it."""
    fill(url, Sizes(images, waits=False), lambda _: None)
    sessions = sessions_of(watch.engine)
    _end_night(sessions)
    plan = watch.measure("plan", lambda: _plan(sessions))
    watch.measure("plan of the newest first", lambda: _plan(sessions, newest_first=True))
    with Deciding(watch.engine, url, images) as people:
        run, _ = watch.measure("open", lambda: open_plan(sessions, plan, actor=BENCH, why="measured"))
    decided = people.as_json()
    watch.measure("cancel", lambda: commands.cancel(sessions, run.id, actor=BENCH, why="measured"))
    watch.measure("resume", lambda: commands.resume(sessions, run.id, actor=BENCH, why="measured"))
    before = _export(sessions)
    _work_off(watch.engine, url, run.id)
    after = _export(sessions)
    undone = watch.measure("undo", lambda: undo(sessions, _end(sessions, run.id), actor=BENCH, why="measured"))
    back = _export(sessions)
    watch.measure("undo of the undo", lambda: undo(sessions, undone, actor=BENCH, why="measured"))
    return {
        "images": images,
        "counts": run.counts,
        "decisions": decided,
        "same_after_undo": before == back != after,
        "same_after_undo_of_the_undo": after == _export(sessions),
        "violations": sum(1 for _ in _violations(sessions)),
        "missed": [*_missed(watch), *([] if decided["while_opening"] >= images * DECIDED_SHARE else ["decisions"])],
    }


def _missed(watch: Watch) -> Iterator[str]:
    for name, measured in watch.seen.items():
        if measured.seconds > TARGETS_S.get(name, measured.seconds):
            yield name
        if measured.longest_s > LONGEST_S:
            yield f"{name}, longest statement"


def _plan(sessions: Sessions, *, newest_first: bool = False) -> Plan:
    bundle: Any = SimpleNamespace(name="bench", version="1", folder=Path("/bundles/bench"))
    everything = Selection(everything=True)
    return make_plan(sessions, everything, bundle, requested_by=BENCH, newest_first=newest_first)


def _end_night(sessions: Sessions) -> None:
    with sessions.begin() as session:
        runs.close_finished(session, [1])


def _work_off(engine: Engine, url: str, run_id: int) -> None:
    engine.dispose()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(b"SET statement_timeout = 0")
        for statement in _WORKED_OFF:
            connection.execute(statement.format(run=run_id).encode())


def _end(sessions: Sessions, run_id: int) -> Run:
    with sessions.begin() as session:
        runs.close_finished(session, [run_id])
    with reading(sessions) as session:
        return control.find(session, str(run_id))


def _export(sessions: Sessions) -> str:
    digest, after = hashlib.sha256(), ("", "")
    with reading(sessions) as session:
        while rows := catalogue.export_page(session, after=after):
            for row in rows:
                digest.update(repr(row).encode())
            after = rows[-1]["bucket"], rows[-1]["key"]
    return digest.hexdigest()


def _violations(sessions: Sessions) -> Iterator[invariants.Violation]:
    with reading(sessions) as session:
        yield from invariants.violations(session)
