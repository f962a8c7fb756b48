"""Discovery of new, changed and gone images: a full listing, compared with the catalogue in key order page by page.

    store --page of keys--> compare(known, listed) --> objects, work items and cursor in one transaction

Unchanged keys cost a read and no write, and memory holds one page, however large the bucket is.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TypeVar

from sqlalchemy.orm import Session

from db import objects, runs
from db.schema import Run
from db.session import Sessions, in_transaction, now
from scheduler.differences import shorten
from scheduler.recording import Recorder
from scheduler.scan_requests import ScanRequest
from scheduler.settling import Ending, decide_ending, has_settled, settle_some
from worker.storage.store import Store, StoredObject, StoreGone

T = TypeVar("T")
KEEP_S = 10.0
KNOWN_AT_ONCE = 5000  # rows of the catalogue in memory; a page whose range of keys holds more is recorded in pieces


class ScanStopped(Exception):
    """The scan was told to stop before it was complete."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """The result of a scan over its whole run. `refused` images were not listed, but too many to be gone.

    `left_out` files and folders are hidden or foreign ones, or images that were forgotten for good.
    """

    seen: int
    new: int
    changed: int
    gone: int
    refused: int
    known: int
    left_out: int = 0


def scan(
    sessions: Sessions,
    store: Store,
    run_id: int,
    request: ScanRequest,
    *,
    on_page: Callable[[int], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Scanned:
    """List the store from the run's cursor on and record the differences, then settle which images are gone.

    `on_page` is called with the number of keys seen after each page. Raises ScanStopped at the first page after
    `stopping` says so, ScanTakenOver when another process moves the same run's scan, and the store's errors. The pages
    recorded so far stay, and a later call goes on there.
    """
    began, cursor = in_transaction(sessions, lambda s: (now(s), runs.of_store(s, run_id, store.bucket)))
    scanner, begun_at = _Scanner(store, run_id, request, Recorder(store.bucket, request, began)), cursor
    seen, left, left_out = 0, request.limit, store.left_out
    for page in chain(scanner.pages(cursor), [None]):
        if stopping():
            raise ScanStopped
        if page == []:
            scanner.keep(sessions, cursor)
            continue
        covered = False
        while not covered and left != 0:
            more, left_out = store.left_out - left_out, store.left_out
            record = partial(scanner.record, cursor=cursor, page=page, limit=left, left_out=more)
            cursor, queued, covered = scanner.once(sessions, record, partial(_has_moved, cursor))
            left = None if left is None else left - queued
        seen += len(page or ())
        on_page(seen)
        if left == 0:
            break
    missed = partial(objects.missed_keys, run_id=run_id, up_to=begun_at)
    between = in_transaction(sessions, missed) if left != 0 else None
    for page in scanner.list_again(between):
        if stopping():
            raise ScanStopped
        in_transaction(sessions, partial(scanner.find_again, cursor=cursor, page=page))
    allowed = request.allow_mass_removal
    decide = partial(decide_ending, store=store, run_id=run_id, complete=left != 0, allow_mass_removal=allowed)
    ending = in_transaction(sessions, decide)
    for _ in scanner.settle(sessions, ending):
        if stopping():
            raise ScanStopped
    return scanner.once(sessions, partial(scanner.finish, ending=ending), _has_ended)


def _has_moved(before: str, run: Run, recorded: tuple[str, int, bool]) -> bool:
    return before != run.cursor == recorded[0]


def _has_ended(run: Run, _: Scanned) -> bool:
    return run.state in ("running", "finished")


@dataclass
class _Scanner:
    store: Store
    run_id: int
    request: ScanRequest
    recorder: Recorder
    kept_at: float = field(default_factory=time.monotonic)

    def once(self, sessions: Sessions, work: Callable[[Session], T], has_landed: Callable[[Run, T], bool]) -> T:
        """Do this work in a transaction. If the answer to a COMMIT is lost, the run's row shows whether it landed."""
        results: list[T] = []

        def attempt(session: Session) -> T:
            if not results or not has_landed(session.get_one(Run, self.run_id), results[-1]):
                results.append(work(session))
            return results[-1]

        return in_transaction(sessions, attempt)

    def keep(self, sessions: Sessions, cursor: str) -> None:
        """Show that this scan is alive, though the store has only worked for it. Raises ScanTakenOver."""
        if time.monotonic() - self.kept_at > KEEP_S:
            in_transaction(
                sessions, partial(runs.advance, run_id=self.run_id, expected=cursor, cursor=cursor, counts={})
            )
            self.kept_at = time.monotonic()

    def pages(self, after: str) -> Iterator[list[StoredObject]]:
        """List the store. One that is gone as a whole is empty, if somebody says that so many images may go."""
        pages = self.store.list_pages(after=after)
        try:
            first = next(pages, None)
        except StoreGone:
            if not self.request.allow_mass_removal:
                raise
            return
        if first is not None:
            yield first
            yield from pages

    def record(
        self, session: Session, cursor: str, page: Sequence[StoredObject] | None, limit: int | None, left_out: int
    ) -> tuple[str, int, bool]:
        """Record what of a page lies after the cursor; None is the end of the listing.

        Returns the new cursor, the number of images queued, and whether the page is recorded to its end.
        """
        run = session.get_one(Run, self.run_id)
        up_to = page[-1].key if page else None
        bucket, prefix, model = self.store.bucket, self.store.prefix, run.model_version_id
        known = objects.known_between(
            session, bucket, cursor, up_to, prefix, model, at_most=KNOWN_AT_ONCE, retries=self.request.retries
        )
        covered = len(known) < KNOWN_AT_ONCE
        reached = (up_to or cursor) if covered else known[-1].key
        listed = [stored for stored in page or () if cursor < stored.key <= reached]
        difference, forgotten = self.recorder.differences(session, model, known, listed)
        difference = shorten(difference, limit)
        counts = difference.counts | {"seen": len(listed), "left_out": left_out + forgotten}
        run = runs.advance(session, self.run_id, expected=cursor, cursor=reached, counts=counts)
        return run.cursor, self.recorder.write(session, run, difference), covered

    def list_again(self, between: tuple[str, str] | None) -> Iterator[list[StoredObject]]:
        """List what was missed before an interruption: it may have been put back since."""
        if between is None:
            return
        first, last = between
        for page in self.pages(first[:-1]):
            yield page
            if page and page[-1].key >= last:
                return

    def find_again(self, session: Session, cursor: str, page: Sequence[StoredObject]) -> None:
        """Forget that the keys of this page were missing."""
        runs.advance(session, self.run_id, expected=cursor, cursor=cursor, counts={})
        objects.found_again(session, self.run_id, self.store.bucket, [stored.key for stored in page])

    def settle(self, sessions: Sessions, ending: Ending) -> Iterator[int]:
        """Settle what is missing, some in a transaction; yield the last id of each."""
        after: int | None = 0 if ending.settle else None
        while after is not None:
            yield after
            settle = partial(settle_some, run_id=self.run_id, remove=ending.remove, after=after)
            _, after = self.once(sessions, settle, partial(has_settled, ending))

    def finish(self, session: Session, *, ending: Ending) -> Scanned:
        run = session.get_one(Run, self.run_id)
        counts = {"gone_refused": ending.refused}
        run = runs.advance(session, self.run_id, expected=run.cursor, cursor=run.cursor, counts=counts)
        runs.scanned(session, self.run_id)
        found = {name: run.counts[name] for name in ("seen", "new", "changed", "gone", "left_out")}
        return Scanned(refused=ending.refused, known=ending.known, **found)
