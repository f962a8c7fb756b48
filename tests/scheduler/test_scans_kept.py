"""A scan that goes on is not taken for dead, and what it lacks is settled in small steps, whatever cuts them short."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db import objects, runs
from db.queue import leases
from db.session import engine_of
from db.tags import lock_objects
from scheduler import discovery
from scheduler.discovery import Scanned
from scheduler.scan_requests import ScanRequest
from stack.processes import wait_until
from tests.db.catalogues import Catalogue, in_the_future
from tests.scheduler.memory_store import Interrupted, Shelf
from tests.scheduler.scans import present, scan, waits_for_a_lock
from worker.storage.store import StoredObject


@dataclass
class Busy(Shelf):
    """Works for a while, as a store that sorts, before it lists; calls each of `meanwhile` in between."""

    meanwhile: Sequence[Callable[[], object]] = ()

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        for call in self.meanwhile:
            yield []
            call()
        yield from super().list_pages(after)


@pytest.fixture
def run(catalogue: Catalogue) -> int:
    return catalogue.another_run("scan:long", state="scanning")


@pytest.fixture
def almost_stale(catalogue: Catalogue, run: int) -> Callable[[], object]:
    return lambda: catalogue.sql("UPDATE run SET updated_at = :at WHERE id = :id", at=in_the_future(-59), id=run)


@pytest.fixture
def look(catalogue: Catalogue, run: int) -> Callable[[], None]:
    """Assert that somebody who waits does not take this scan over."""

    def look() -> None:
        with catalogue.sessions.begin() as session:
            assert not runs.take_over_scan(session, run, stale_s=50)

    return look


def test_each_page_shows_that_a_scan_goes_on(
    catalogue: Catalogue, run: int, almost_stale: Callable[[], object], look: Callable[[], None]
) -> None:
    store = Interrupted(dict.fromkeys("abcdef", "v1"), meanwhile=almost_stale)

    scanned = discovery.scan(catalogue.sessions, store, run, ScanRequest(), on_page=lambda _: look())

    assert scanned.new == 6


def test_a_scan_whose_store_works_before_it_lists_is_not_taken_over(
    catalogue: Catalogue,
    run: int,
    almost_stale: Callable[[], object],
    look: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "KEEP_S", -1.0)
    store = Busy(dict.fromkeys("abcdef", "v1"), meanwhile=[almost_stale, look])

    assert discovery.scan(catalogue.sessions, store, run, ScanRequest()).new == 6


def removed_all_but(catalogue: Catalogue, *left: str) -> tuple[Shelf, int]:
    """Scan ten images, and take away all others; returns the shelf and a run to scan it again."""
    shelf = Shelf(dict.fromkeys("abcdefghij", "v1"))
    scan(catalogue, shelf)
    shelf.remove(*(key for key in "abcdefghij" if key not in left))
    return shelf, catalogue.another_run("scan:removing", state="scanning")


def commits(catalogue: Catalogue, on_commit: Callable[[int], None]) -> Callable[[Session], None]:
    numbers = itertools.count(1)

    def note(_: Session) -> None:
        on_commit(next(numbers))

    event.listen(catalogue.sessions, "after_commit", note)
    return note


def test_what_is_gone_is_settled_a_few_rows_a_transaction(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "STEP", 2)
    shelf, run = removed_all_but(catalogue, "a")
    gone: list[int] = []
    settle = objects.settle_missing

    def noting(*arguments: object, **options: object) -> list[int]:
        gone.append(len(settled := settle(*arguments, **options)))  # type: ignore[arg-type]
        return settled

    monkeypatch.setattr(objects, "settle_missing", noting)

    scanned = scan(catalogue, shelf, run=run, allow_mass_removal=True)

    assert gone == [2, 2, 2, 2, 1, 0]
    assert (scanned.gone, present(catalogue)) == (9, {"a": "v1"})
    assert catalogue.violations() == []


@pytest.mark.parametrize("lost", range(4, 16))
def test_no_lost_answer_changes_the_number_of_those_gone(
    catalogue: Catalogue, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "STEP", 3)
    monkeypatch.setattr("db.session.time.sleep", lambda _: None)
    shelf, run = removed_all_but(catalogue, "a", "b")

    def lose(number: int) -> None:
        if number == lost:
            raise DBAPIError("COMMIT", {}, Exception("server closed the connection"), connection_invalidated=True)

    listener = commits(catalogue, lose)
    scanned = scan(catalogue, shelf, run=run, allow_mass_removal=True)
    event.remove(catalogue.sessions, "after_commit", listener)

    assert scanned.gone == 8
    assert present(catalogue) == shelf.tokens
    assert catalogue.violations() == []


def test_a_scan_that_is_killed_while_it_settles_goes_on_with_the_rest(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "STEP", 1)
    shelf, run = removed_all_but(catalogue, *"abcdefgh")
    settled = iter([objects.settle_missing])

    def once(*arguments: object, **options: object) -> list[int]:
        for settle in settled:
            return settle(*arguments, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(objects, "settle_missing", once)
    with pytest.raises(KeyboardInterrupt):
        scan(catalogue, shelf, run=run)
    halfway = len(present(catalogue))
    monkeypatch.undo()

    scanned = scan(catalogue, shelf, run=run)

    assert halfway == 9
    assert (scanned.gone, present(catalogue)) == (2, shelf.tokens)
    assert catalogue.violations() == []


def test_a_worker_that_skips_one_image_and_records_another_meets_no_deadlock(
    postgres_catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue, shelf = postgres_catalogue, Shelf(dict.fromkeys("ab", "v1"))
    monkeypatch.setattr(objects, "STEP", 1)
    scan(catalogue, shelf)
    skipped, recorded = sorted(catalogue.claim(), key=lambda item: item.object_id)
    shelf.remove("a", "b")
    results: list[Scanned] = []
    errors: list[object] = []

    def note(context: ExceptionContext) -> None:
        errors.append(context.original_exception)

    event.listen(engine_of(catalogue.sessions), "handle_error", note)
    scanner = threading.Thread(target=lambda: results.append(scan(catalogue, shelf)))

    with catalogue.sessions.begin() as worker:
        lock_objects(worker, [recorded.object_id])
        scanner.start()
        wait_until(lambda: waits_for_a_lock(catalogue), "the scan to wait")
        leases.skip(worker, skipped, "not_found", "")
    scanner.join(20)
    event.remove(engine_of(catalogue.sessions), "handle_error", note)

    assert [scanned.gone for scanned in results] == [2]
    assert errors == []
    assert catalogue.states() == {"a": "skipped", "b": "skipped"}
