"""Recording of what a store holds: new, changed and returned images become objects and work items.

A scan records a page of its listing so, and a hint the few images that it names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from db import objects
from db.objects import KnownObject, NewObject
from db.operations import forgetting
from db.queue.leases import MAX_FAILURES
from db.queue.retries import touched_since
from db.schema import Run
from model.data.products import product_of
from scheduler.differences import Difference, compare
from scheduler.scan_requests import ScanRequest
from worker.storage.store import StoredObject


@dataclass(frozen=True, slots=True)
class Recorder:
    """The writer of one look into a store, which `began`, by the database's clock, before the store was asked."""

    bucket: str
    request: ScanRequest
    began: datetime

    def differences(
        self, session: Session, model_version_id: int, known: Sequence[KnownObject], listed: Sequence[StoredObject]
    ) -> tuple[Difference, int]:
        """Compare what is known with what was listed, lock what differs, and count the forgotten images among it."""
        compared = compare(known, listed)
        touched = {row.id: stored.touched for row, stored in compared.failed}
        mended = touched_since(session, model_version_id, touched)
        compared.unqueued.extend(row for row, _ in compared.failed if row.id in mended)
        difference = self._without_forgotten(session, compared)
        return self._without_newer(session, difference), len(compared.new) - len(difference.new)

    def write(self, session: Session, run: Run, difference: Difference) -> int:
        """Write a difference and queue what has to be tagged; returns how many images were queued."""
        new = [self._row(stored) for stored in difference.new]
        changed = {object_id: self._row(stored) for object_id, stored in difference.changed}
        ids = objects.add(session, self.bucket, new)
        objects.replace_versions(session, changed)
        objects.bring_back(session, [known.id for known in (*difference.back, *difference.refound)])
        objects.note_missing(session, difference.missing, run.id)
        tokens = {ids[row.key]: row.version_token for row in new}
        tokens |= {object_id: row.version_token for object_id, row in changed.items()}
        unqueued = [*(known for known in difference.back if not known.queued), *difference.unqueued]
        tokens |= {known.id: known.version_token for known in unqueued if not known.failed}
        again = {known.id: known.version_token for known in unqueued if known.failed}
        enqueue = partial(objects.enqueue, session, run, queue=self.request.queue, priority=self.request.priority)
        return enqueue(tokens) + enqueue(again, failures=MAX_FAILURES - 1)

    def _without_forgotten(self, session: Session, difference: Difference) -> Difference:
        forgotten = forgetting.forgotten(session, self.bucket, [stored.key for stored in difference.new])
        return replace(difference, new=[stored for stored in difference.new if stored.key not in forgotten])

    def _without_newer(self, session: Session, difference: Difference) -> Difference:
        """Leave out what somebody else has written since this look began: that one knows better."""
        found = (known.id for known in (*difference.back, *difference.refound))  # locked before any item is
        doubtful = {*dict(difference.changed), *found, *difference.missing}
        older = objects.lock_older(session, doubtful, self.began)
        return replace(
            difference,
            changed=[change for change in difference.changed if change[0] in older],
            back=[known for known in difference.back if known.id in older],
            missing=[object_id for object_id in difference.missing if object_id in older],
        )

    def _row(self, stored: StoredObject) -> NewObject:
        product = product_of(stored.key, self.request.product_pattern)
        return NewObject(stored.key, stored.version_token, stored.size, stored.last_modified, product)
