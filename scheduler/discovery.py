"""Finding what is new, changed or gone: a full listing compared with the catalogue in key order, a page a transaction.

    store --page of keys--> compare(known, listed) --> objects, work items and cursor in one transaction

Unchanged keys cost a read and no write, and memory holds one page, whatever the size of the bucket.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from sqlalchemy.orm import Session

from db import objects, runs
from db.objects import KnownObject, NewObject
from db.schema import Run
from db.session import Sessions, in_transaction
from worker.run_requests import SCAN
from worker.storage.store import Store, StoredObject

MASS_REMOVAL_SHARE = 0.20
KNOWN_AT_ONCE = 5000  # rows of the catalogue in memory; a page whose range of keys holds more is recorded in pieces


class ScanStopped(Exception):
    """The scan was told to stop before it was complete."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What one page of a listing says of the catalogue."""

    new: list[StoredObject] = field(default_factory=list)
    changed: list[tuple[int, StoredObject]] = field(default_factory=list)
    back: list[KnownObject] = field(default_factory=list)  # was gone; the same version is there again
    refound: list[KnownObject] = field(default_factory=list)  # an earlier scan that did not end had missed it
    unqueued: list[KnownObject] = field(default_factory=list)  # known, but never given to this model
    missing: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """How to scan. `limit`: stop after that many images were queued; such a scan marks nothing as gone."""

    queue: str = "nightly"
    priority: int = 100
    product_pattern: str | None = None
    allow_mass_removal: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan found, over its whole run. `refused`: not listed, but too many to be believed gone."""

    seen: int
    new: int
    changed: int
    gone: int
    refused: int
    known: int


def scan(
    sessions: Sessions,
    store: Store,
    run_id: int,
    request: ScanRequest,
    *,
    on_page: Callable[[int], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Scanned:
    """List the store from the run's cursor on and record what differs, then settle what is gone.

    `on_page` is called with the number of keys seen after each page. Raises ScanStopped at the first page after
    `stopping` says so, ScanTakenOver when another process moves the same run's scan, and the store's errors. The pages
    recorded so far stay, and a later call goes on there.
    """
    scanner = _Scanner(sessions, store, run_id, request)
    cursor = in_transaction(sessions, lambda session: session.get_one(Run, run_id).cursor)
    seen, left = 0, request.limit
    for page in chain(store.list_pages(after=cursor), [None]):
        if stopping():
            raise ScanStopped
        covered = False
        while not covered and left != 0:
            cursor, queued, covered = scanner.record(cursor, page, left)
            left = None if left is None else left - queued
        seen += len(page or ())
        on_page(seen)
        if left == 0:
            return scanner.finish(complete=False)
    return scanner.finish(complete=True)


@dataclass(frozen=True)
class _Scanner:
    sessions: Sessions
    store: Store
    run_id: int
    request: ScanRequest

    def record(self, cursor: str, page: Sequence[StoredObject] | None, limit: int | None) -> tuple[str, int, bool]:
        """What of a page lies after the cursor, in one transaction; None is the listing's end.

        Returns the new cursor, the number of images queued, and whether the page is recorded to its end.
        """
        return in_transaction(self.sessions, lambda session: self._record(session, cursor, page, limit))

    def _record(
        self, session: Session, cursor: str, page: Sequence[StoredObject] | None, limit: int | None
    ) -> tuple[str, int, bool]:
        run = session.get_one(Run, self.run_id)
        up_to = page[-1].key if page else None
        bucket, prefix, model = self.store.bucket, self.store.prefix, run.model_version_id
        known = objects.known_between(session, bucket, cursor, up_to, prefix, model, at_most=KNOWN_AT_ONCE)
        covered = len(known) < KNOWN_AT_ONCE
        reached = (up_to or cursor) if covered else known[-1].key
        listed = [each for each in page or () if cursor < each.key <= reached]
        found = shorten(compare(known, listed), limit)
        counts = {"seen": len(listed), "new": len(found.new) + len(found.back), "changed": len(found.changed)}
        run = runs.advance(session, self.run_id, expected=cursor, cursor=reached, counts=counts)
        return run.cursor, self._write(session, run, found), covered

    def _write(self, session: Session, run: Run, found: Difference) -> int:
        new = [self._row(each) for each in found.new]
        ids = objects.add(session, self.store.bucket, new)
        objects.replace_versions(session, {object_id: self._row(each) for object_id, each in found.changed})
        objects.bring_back(session, [each.id for each in (*found.back, *found.refound)])
        objects.note_missing(session, found.missing, run.id)
        tokens = {ids[each.key]: each.version_token for each in new}
        tokens |= {object_id: each.version_token for object_id, each in found.changed}
        tokens |= {each.id: each.version_token for each in (*found.back, *found.unqueued) if not each.queued}
        return objects.enqueue(session, run, tokens, queue=self.request.queue, priority=self.request.priority)

    def _row(self, stored: StoredObject) -> NewObject:
        product = product_of(stored.key, self.request.product_pattern)
        return NewObject(stored.key, stored.version_token, stored.size, stored.last_modified, product)

    def finish(self, *, complete: bool) -> Scanned:
        """Settle what this listing missed: gone, unless that would drop too much, or the listing was cut short."""
        return in_transaction(self.sessions, lambda session: self._finish(session, complete=complete))

    def _finish(self, session: Session, *, complete: bool) -> Scanned:
        run = session.get_one(Run, self.run_id)
        known = objects.count_known(session, self.store.bucket, self.store.prefix)
        missing = objects.count_missing(session, self.run_id) if complete else 0
        remove = complete and (self.request.allow_mass_removal or not is_mass_removal(missing, known))
        gone = objects.settle_missing(session, self.run_id, remove=remove)
        counts = {"gone": gone} if remove else {"gone_refused": missing}
        run = runs.advance(session, self.run_id, expected=run.cursor, cursor=run.cursor, counts=counts)
        runs.scanned(session, self.run_id)
        total = run.counts
        refused = 0 if remove else missing
        return Scanned(total["seen"], total["new"], total["changed"], total["gone"], refused, known)


def compare(known: Sequence[KnownObject], listed: Sequence[StoredObject]) -> Difference:
    """Both in key order, over the same range of keys."""
    found = Difference()
    by_key = {each.key: each for each in known}
    for stored in listed:
        row = by_key.pop(stored.key, None)
        if row is None:
            found.new.append(stored)
        elif row.version_token != stored.version_token:
            found.changed.append((row.id, stored))
        elif row.is_gone:
            found.back.append(row)
        else:
            if row.was_missed:
                found.refound.append(row)
            if not row.queued:
                found.unqueued.append(row)
    found.missing.extend(row.id for row in by_key.values() if not row.is_gone)
    return found


def shorten(found: Difference, limit: int | None) -> Difference:
    """At most `limit` images to queue. What is left out is not recorded, so that the next scan finds it."""
    if limit is None:
        return found
    new = found.new[:limit]
    changed = found.changed[: limit - len(new)]
    back = found.back[: limit - len(new) - len(changed)]
    unqueued = found.unqueued[: limit - len(new) - len(changed) - len(back)]
    return Difference(new, changed, back, found.refound, unqueued, found.missing)


def is_mass_removal(missing: int, known: int) -> bool:
    """More than a fifth of what is known: a wrong prefix or an unmounted disk looks just like this."""
    return missing > MASS_REMOVAL_SHARE * known


def product_of(key: str, pattern: str | None) -> str | None:
    """The product that an image belongs to, by the setting's regular expression; None where it does not match."""
    if pattern is None:
        return None
    match = re.search(pattern, key)
    return match["product"] if match else None


def scan_request(run: Run, product_pattern: str | None, *, allow_mass_removal: bool = False) -> ScanRequest:
    """How this run's source is to be scanned. What a person waits for goes before the night's work."""
    request = ScanRequest(
        product_pattern=product_pattern, allow_mass_removal=allow_mass_removal, limit=run.selection.get("limit")
    )
    return replace(request, queue="ops", priority=10) if run.kind == SCAN else request
