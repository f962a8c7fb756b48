"""A scan that is cut short goes on where it was, and of two at once each image is queued once."""

from __future__ import annotations

import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cli.tagging.job import Job
from db import objects, runs
from db.schema import Run
from scheduler import discovery
from scheduler.discovery import Scanned
from stack.processes import wait_until
from tests.db.catalogues import Catalogue, ask, in_the_future
from tests.scheduler.memory_store import Interrupted, Shelf
from tests.scheduler.scans import items, present, scan, waits_for_a_lock
from worker import run_requests
from worker.settings import Settings
from worker.storage.store import StoreUnavailable


def test_a_scan_that_is_cut_short_goes_on_where_it_was(catalogue: Catalogue, shelf: Shelf) -> None:
    run = catalogue.another_run("scan:cut", state="scanning")
    shelf.put(*"abcdefg")
    shelf.fails_after = 2
    with pytest.raises(StoreUnavailable):
        scan(catalogue, shelf, run=run)
    cut = catalogue.states()
    shelf.fails_after = None

    scanned = scan(catalogue, shelf, run=run)

    assert cut == dict.fromkeys("abcd", "pending")
    assert shelf.listed_from == ["", "d"]
    assert (scanned.seen, scanned.new) == (7, 7)
    assert items(catalogue) == 7
    assert catalogue.violations() == []


def test_a_scan_that_is_cut_short_marks_nothing_as_gone(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdefghij")
    scan(catalogue, shelf)
    shelf.remove("a")
    shelf.fails_after = 2
    run = catalogue.another_run("scan:cut", state="scanning")
    with pytest.raises(StoreUnavailable):
        scan(catalogue, shelf, run=run)

    assert "a" in present(catalogue)
    shelf.fails_after = None
    assert scan(catalogue, shelf, run=run).gone == 1
    assert "a" not in present(catalogue)
    assert catalogue.violations() == []


def test_an_image_that_is_put_back_while_its_scan_is_interrupted_is_not_gone(
    catalogue: Catalogue, shelf: Shelf
) -> None:
    shelf.put(*"abcdefghij")
    scan(catalogue, shelf)
    shelf.remove("b", "d")
    shelf.fails_after = 2
    run = catalogue.another_run("scan:cut", state="scanning")
    with pytest.raises(StoreUnavailable):
        scan(catalogue, shelf, run=run)
    shelf.put("d")
    shelf.fails_after = None

    scanned = scan(catalogue, shelf, run=run)

    assert scanned.gone == 1
    assert present(catalogue) == shelf.tokens
    assert catalogue.states() | {"b": "skipped"} == dict.fromkeys("acdefghij", "pending") | {"b": "skipped"}
    assert catalogue.violations() == []


def test_what_a_cut_scan_missed_and_a_later_one_finds_is_not_gone(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdefghij")
    scan(catalogue, shelf)
    shelf.remove("a")
    shelf.fails_after = 1
    with pytest.raises(StoreUnavailable):
        scan(catalogue, shelf)
    shelf.put("a")
    shelf.fails_after = None

    scanned = scan(catalogue, shelf)

    assert (scanned.gone, scanned.new, scanned.refused) == (0, 0, 0)
    assert catalogue.value("SELECT count(*) FROM source_object WHERE missing_in_run IS NOT NULL") == 0


def test_of_two_scanners_of_one_run_the_slower_stops_and_nothing_is_twice(catalogue: Catalogue) -> None:
    run = catalogue.another_run("scan:two", state="scanning")
    tokens = dict.fromkeys("abcdef", "v1")
    faster = Shelf(tokens)
    slower = Interrupted(tokens, meanwhile=lambda: scan(catalogue, faster, run=run))

    with pytest.raises(runs.ScanTakenOver, match="another process has taken it over"):
        scan(catalogue, slower, run=run)

    counts = json.loads(json.dumps(catalogue.value("SELECT counts FROM run WHERE id = :id", id=run)))
    counts = json.loads(counts) if isinstance(counts, str) else counts
    assert (counts["seen"], counts["new"]) == (6, 6)
    assert items(catalogue) == 6
    assert catalogue.violations() == []


@pytest.mark.parametrize("lost", range(2, 8))
def test_a_scan_goes_on_when_the_answer_to_a_commit_was_lost(catalogue: Catalogue, shelf: Shelf, lost: int) -> None:
    run = catalogue.another_run("scan:lost", state="scanning")
    shelf.put(*"abcdef")
    commits = itertools.count(1)

    def lose(_: Session) -> None:
        if next(commits) == lost:
            raise DBAPIError("COMMIT", {}, Exception("server closed the connection"), connection_invalidated=True)

    event.listen(catalogue.sessions, "after_commit", lose)
    scanned = scan(catalogue, shelf, run=run)
    event.remove(catalogue.sessions, "after_commit", lose)

    assert next(commits) > lost
    assert (scanned.seen, scanned.new) == (6, 6)
    assert catalogue.states() == dict.fromkeys("abcdef", "pending")
    assert catalogue.violations() == []


def test_a_scan_that_nobody_moves_is_taken_over(catalogue: Catalogue) -> None:
    run = catalogue.another_run("scan:left", state="scanning")
    with catalogue.sessions.begin() as session:
        fresh = runs.take_over_scan(session, run, stale_s=60)
    catalogue.sql("UPDATE run SET updated_at = :at WHERE id = :id", at=in_the_future(-61), id=run)
    with catalogue.sessions.begin() as session:
        stale = runs.take_over_scan(session, run, stale_s=60)
    with catalogue.sessions.begin() as session:
        again = runs.take_over_scan(session, run, stale_s=60)

    assert (fresh, stale, again) == (False, True, False)


def test_whoever_waits_for_a_scan_that_died_goes_on_with_it(
    catalogue: Catalogue, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `tagger run` does, whose scan another process has taken over and then died."""
    run = catalogue.another_run("scan:dies", state="scanning")
    shelf.put(*"abcdef")
    shelf.fails_after = 1
    with pytest.raises(StoreUnavailable):
        scan(catalogue, shelf, run=run)
    catalogue.sql("UPDATE run SET updated_at = :at WHERE id = :id", at=in_the_future(-61), id=run)
    shelf.fails_after = None
    real_scan = discovery.scan

    def overtaken(*_: Any, **__: Any) -> Scanned:
        monkeypatch.setattr(discovery, "scan", real_scan)
        raise runs.ScanTakenOver("taken over")

    monkeypatch.setattr(discovery, "scan", overtaken)
    row = ask(catalogue, lambda session: session.get_one(Run, run))
    monkeypatch.setattr(run_requests, "open_or_continue", lambda *_, **__: (row, True))
    job = Job(Settings(), shelf, Any, catalogue.sessions)

    run_id, scanned = job.scan(None, False)

    assert (run_id, scanned.seen, scanned.new) == (run, 6, 6)
    assert shelf.listed_from == ["", "b"]


def test_two_runs_that_scan_at_once_queue_each_image_once(catalogue: Catalogue) -> None:
    tokens = {f"{number:03}": "v1" for number in range(60)}
    together = threading.Barrier(2)

    def scan_with_the_other(run: int) -> Scanned:
        together.wait()
        return scan(catalogue, Shelf(tokens, page_keys=20), run=run)

    both = [catalogue.another_run(f"scan:{name}", state="scanning") for name in "ab"]
    with ThreadPoolExecutor(2) as pool:
        both_scanned = list(pool.map(scan_with_the_other, both))

    assert [scanned.seen for scanned in both_scanned] == [60, 60]
    assert (items(catalogue), len(present(catalogue))) == (60, 60)
    assert catalogue.violations() == []


def test_a_paused_or_cancelled_run_is_not_scanned_on(catalogue: Catalogue) -> None:
    run = catalogue.another_run("scan:stopped", state="scanning")
    stop = Interrupted(
        dict.fromkeys("abcdef", "v1"),
        meanwhile=lambda: catalogue.sql("UPDATE run SET state = 'cancelled' WHERE id = :id", id=run),
    )

    with pytest.raises(runs.ScanTakenOver, match="is cancelled"):
        scan(catalogue, stop, run=run)

    assert present(catalogue).keys() == {"a", "b"}


def test_a_scan_that_drops_an_image_waits_for_the_worker_that_records_it(postgres_catalogue: Catalogue) -> None:
    """The scan locks objects before items, as recording does; the other way round is a deadlock."""
    catalogue, shelf = postgres_catalogue, Shelf()
    shelf.put("a")
    scan(catalogue, shelf)
    (item,) = catalogue.claim()
    catalogue.sql("UPDATE source_object SET missing_in_run = :run", run=catalogue.run_id)

    def settle() -> None:
        with catalogue.sessions.begin() as session:
            objects.settle_missing(session, catalogue.run_id, remove=True)

    with catalogue.sessions.begin() as worker:
        worker.execute(_text("SELECT id FROM source_object WHERE id = :id FOR NO KEY UPDATE"), {"id": item.object_id})
        scanner = threading.Thread(target=settle)
        scanner.start()
        wait_until(lambda: waits_for_a_lock(catalogue), "the scan to wait")
        worker.execute(_text("SELECT id FROM work_item WHERE id = :id FOR UPDATE NOWAIT"), {"id": item.id})
    scanner.join(10)

    assert catalogue.states() == {"a": "skipped"}


def _text(statement: str) -> Any:
    from sqlalchemy import text

    return text(statement)
