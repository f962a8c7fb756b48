"""Results and faults of one micro-batch are written by the order of locks that every writer keeps."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from stack.processes import wait_until
from tests.db.catalogues import Catalogue, waiting_for_locks
from tests.worker.fakes import FakeClassifier, FakeStore, scanned_run, tagger
from worker.storage.store import ImageNotFound
from worker.tagging import Outcome, work

LOCK = text("SELECT id FROM source_object WHERE key = :key FOR NO KEY UPDATE")


def test_a_worker_that_skips_what_is_gone_holds_nothing_that_a_scan_wants_next(postgres_catalogue: Catalogue) -> None:
    sessions = postgres_catalogue.sessions
    store = FakeStore({"a.jpg": ImageNotFound("gone"), "b.jpg": b"photo"})
    scanned_run(sessions, store)
    read, ending = threading.Event(), threading.Event()

    def meanwhile() -> None:
        read.set()
        ending.wait(60)

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work, tagger(sessions, store, FakeClassifier(before=meanwhile)), "nightly")
        read.wait(60)
        with sessions.begin() as scan:  # at its end a scan locks objects, then their items
            scan.execute(LOCK, {"key": "a.jpg"})
            scan.execute(text("SELECT id FROM work_item WHERE object_id = 1 FOR UPDATE"))
            ending.set()
            wait_until(lambda: waiting_for_locks(postgres_catalogue) or working.done(), "the worker to wait")
            scan.execute(text("SET LOCAL lock_timeout = '500ms'"))
            scan.execute(LOCK, {"key": "b.jpg"})

        assert working.result(timeout=60) == Outcome(tagged=1, skipped=1)
