"""Differences between a page of a listing and what the catalogue knows of its range of keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from db.objects import KnownObject
from worker.storage.store import StoredObject


@dataclass(frozen=True, slots=True)
class Difference:
    """The differences between one page of a listing and the catalogue."""

    new: list[StoredObject] = field(default_factory=list)
    changed: list[tuple[int, StoredObject]] = field(default_factory=list)
    back: list[KnownObject] = field(default_factory=list)  # was gone; the same version is there again
    refound: list[KnownObject] = field(default_factory=list)  # an earlier scan that did not end had missed it
    unqueued: list[KnownObject] = field(default_factory=list)  # known, but never given to this model
    missing: list[int] = field(default_factory=list)
    failed: list[tuple[KnownObject, StoredObject]] = field(default_factory=list)  # and not to be tried for a while

    @property
    def counts(self) -> dict[str, int]:
        """What a run counts of it."""
        return {"new": len(self.new) + len(self.back), "changed": len(self.changed)}

    def __bool__(self) -> bool:
        """Tell whether anything has to be written."""
        return any((self.new, self.changed, self.back, self.refound, self.unqueued, self.missing))


def compare(known: Sequence[KnownObject], listed: Sequence[StoredObject]) -> Difference:
    """Compare both over the same range of keys, in key order."""
    difference = Difference()
    by_key = {row.key: row for row in known}
    for stored in listed:
        row = by_key.pop(stored.key, None)
        if row is None:
            difference.new.append(stored)
        elif row.version_token != stored.version_token:
            difference.changed.append((row.id, stored))
        elif row.is_gone:
            difference.back.append(row)
        else:
            if row.was_missed:
                difference.refound.append(row)
            if not row.queued:
                difference.unqueued.append(row)
            elif row.failed:
                difference.failed.append((row, stored))
    difference.missing.extend(row.id for row in by_key.values() if not row.is_gone)
    return difference


def shorten(difference: Difference, limit: int | None) -> Difference:
    """Keep at most `limit` images to queue. The rest is not recorded, so that the next scan finds it."""
    if limit is None:
        return difference
    new = difference.new[:limit]
    changed = difference.changed[: limit - len(new)]
    back = difference.back[: limit - len(new) - len(changed)]
    unqueued = difference.unqueued[: limit - len(new) - len(changed) - len(back)]
    return Difference(new, changed, back, difference.refound, unqueued, difference.missing)
