"""Results and faults of one micro-batch are written by the order of locks that every writer keeps."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from db import tags
from stack.processes import wait_until
from tests.db.catalogues import Catalogue, tagged, waiting_for_locks
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


def test_an_image_is_not_overwritten_while_its_result_becomes_its_tag(postgres_catalogue: Catalogue) -> None:
    postgres_catalogue.items("a.jpg")
    (item,) = postgres_catalogue.claim()
    with postgres_catalogue.sessions.begin() as worker, postgres_catalogue.sessions() as scan:
        tags.record(worker, [tagged(item)], model_version_id=postgres_catalogue.model_id)
        scan.execute(text("SET LOCAL lock_timeout = '100ms'"))

        with pytest.raises(OperationalError, match="lock timeout"):
            scan.execute(text("UPDATE source_object SET version_token = 'v2'"))
