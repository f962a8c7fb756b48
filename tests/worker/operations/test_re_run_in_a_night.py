"""A re-run that somebody opens in the middle of a night is done before the night goes on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text

from db.operations.selection import Selection
from db.schema import Run
from db.session import Sessions, reading
from tests.worker.fakes import FakeClassifier, FakeStore, scanned_run, tagger
from worker.operations.reprocess import make_plan, open_plan
from worker.tagging import work

NIGHT, AGAIN, CHUNK = 300, 100, 50
TAGGED = "SELECT w.run_id FROM classification c JOIN work_item w ON w.id = c.work_item_id ORDER BY c.id"


def test_a_re_run_waits_for_the_chunk_of_the_night_that_a_worker_is_at_and_for_no_other(sessions: Sessions) -> None:
    store = FakeStore({f"{number:03}.jpg": b"photo" for number in range(NIGHT)})
    night = scanned_run(sessions, store)
    opened: list[Run] = []

    def ask() -> None:
        with reading(sessions) as session:
            tagged = session.execute(text("SELECT count(*) FROM image_tag")).scalar_one()
        if tagged == 2 * CHUNK and not opened:
            bundle: Any = SimpleNamespace(name="fake", version="1", folder=Path("/bundles/fake"))
            some = Selection(keys=tuple(sorted(store.contents)[:AGAIN]))
            plan = make_plan(sessions, some, bundle, requested_by="person:amina")
            opened.append(open_plan(sessions, plan, actor="person:amina", why="")[0])

    work(tagger(sessions, store, FakeClassifier(before=ask), chunk=CHUNK, micro_batch=CHUNK), "ops", "nightly")

    with reading(sessions) as session:
        order = list(session.execute(text(TAGGED)).scalars())
    again = opened[0].id
    assert order == [night] * 3 * CHUNK + [again] * AGAIN + [night] * (NIGHT - 3 * CHUNK)
    assert opened[0].bucket == store.bucket
