"""Objects of the store as the catalogue knows them: what a scan reads and writes, a page at a time."""

import operator
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, bindparam, func, select, update
from sqlalchemy.orm import Session

from db.keys import among, before_end_of, in_key_order, is_key, under
from db.queue.retries import FAILED, ONCE_A_NIGHT, SETTLED, TRIED_ENOUGH, Retries, work_on
from db.schema import Run, SourceObject, WorkItem
from db.schema.columns import table_of
from db.schema.vocabulary import OPEN_STATES
from db.session import now, sql_now, upsert

_PRESENT: dict[str, Any] = {"gone_at": None, "missing_in_run": None}
STEP = 500
"""The most rows that one statement changes."""
_FIRST_BUCKET = select(func.min(SourceObject.bucket))
_NEXT_BUCKET = _FIRST_BUCKET.where(SourceObject.bucket > bindparam("last"))
LATELY_S = 12 * 3600.0  # two nights are two removals, two scans in one night are not


@dataclass(frozen=True, slots=True)
class KnownObject:
    """A row of the catalogue, as far as a scan compares it. `queued`: this version has or had work for this model.

    `failed`: it had, but may be tried again.
    """

    id: int
    key: str
    version_token: str
    is_gone: bool
    was_missed: bool
    work: int

    @property
    def queued(self) -> bool:
        return self.work in (SETTLED, TRIED_ENOUGH)

    @property
    def failed(self) -> bool:
        return self.work in (FAILED, TRIED_ENOUGH)


@dataclass(frozen=True, slots=True)
class Known:
    """The numbers of objects in the store, of those among them that a scan has missed, and of those gone lately."""

    present: int
    missing: int
    gone_lately: int


@dataclass(frozen=True, slots=True)
class NewObject:
    key: str
    version_token: str
    size: int
    last_modified: datetime
    product_id: str | None


def known_between(
    session: Session,
    bucket: str,
    after: str,
    up_to: str | None,
    prefix: str,
    model_version_id: int,
    *,
    at_most: int,
    retries: Retries = ONCE_A_NIGHT,
) -> list[KnownObject]:
    """List the first `at_most` known objects with `after` < key <= `up_to` (None: no end) and this prefix, by key."""
    statement = (
        _known(session, model_version_id, retries)
        .where(SourceObject.bucket == bucket)
        .where(is_key(operator.gt, after) if after >= prefix else is_key(operator.ge, prefix))
        .where(before_end_of(prefix) if up_to is None else is_key(operator.le, up_to))
        .order_by(*in_key_order(session, SourceObject.key))
        .limit(at_most)
    )
    return [KnownObject(*row) for row in session.execute(statement)]


def buckets(session: Session) -> Iterator[str]:
    """Yield the catalogue's buckets, with a step in the index each."""
    found = session.execute(_FIRST_BUCKET).scalar_one()
    while found is not None:
        yield found
        found = session.execute(_NEXT_BUCKET, {"last": found}).scalar_one()


def known_among(
    session: Session, bucket: str, keys: Collection[str], model_version_id: int, *, retries: Retries = ONCE_A_NIGHT
) -> list[KnownObject]:
    """List those of these keys of a bucket that are known."""
    statement = _known(session, model_version_id, retries).where(among(bucket, keys))
    return [KnownObject(*row) for row in session.execute(statement)]


def _known(session: Session, model_version_id: int, retries: Retries) -> Select[int, str, str, bool, bool, int]:
    image = SourceObject
    work = work_on(session, model_version_id, retries)
    is_gone, was_missed = image.gone_at.is_not(None), image.missing_in_run.is_not(None)
    return select(image.id, image.key, image.version_token, is_gone, was_missed, work)


def add(session: Session, bucket: str, objects: Sequence[NewObject]) -> dict[str, int]:
    """Insert new objects; returns ids by key, also of keys that another scan has just added."""
    if not objects:
        return {}
    seen_at = now(session)
    rows = [asdict(new) | {"bucket": bucket, "first_seen": seen_at} for new in objects]
    session.execute(upsert(session, table_of(SourceObject)).on_conflict_do_nothing(), rows)
    keys = [new.key for new in objects]
    ids = select(SourceObject.key, SourceObject.id).where(among(bucket, keys))
    return dict(session.execute(ids).all())


def replace_versions(session: Session, changes: Mapping[int, NewObject]) -> None:
    """Store the new versions of objects that were overwritten, and end the open work on the old ones."""
    if not changes:
        return
    present = _PRESENT | {"changed_at": now(session)}
    rows = [asdict(new) | present | {"id": row_id} for row_id, new in sorted(changes.items())]
    session.execute(update(SourceObject), rows)
    _end_open_work(session, changes, "superseded")


def bring_back(session: Session, object_ids: Collection[int]) -> None:
    """Note that these objects are in the store (again)."""
    _set(session, object_ids, **_PRESENT, changed_at=sql_now(session))


def lock_older(session: Session, object_ids: Collection[int], since: datetime) -> set[int]:
    """Lock those of these objects that no scan has written since then; returns their ids."""
    written = func.coalesce(SourceObject.changed_at, SourceObject.first_seen)
    older = (
        SourceObject.id.in_(sorted(object_ids)),
        written <= since,
        func.coalesce(SourceObject.gone_at, since) <= since,
    )
    locked = select(SourceObject.id).where(*older).order_by(SourceObject.id).with_for_update(key_share=True)
    return set(session.execute(locked).scalars()) if object_ids else set()


def note_missing(session: Session, object_ids: Collection[int], run_id: int) -> None:
    """Note that this run's listing lacks these objects. They are gone only once it is complete."""
    _set(session, object_ids, missing_in_run=run_id)


def missed_keys(session: Session, run_id: int, up_to: str) -> tuple[str, str] | None:
    """Return the first and the last key up to this one that this run's listing lacks, if there are any."""
    missed = select(func.min(SourceObject.key), func.max(SourceObject.key))
    first, last = session.execute(missed.where(SourceObject.missing_in_run == run_id, SourceObject.key <= up_to)).one()
    return None if first is None else (first, last)


def found_again(session: Session, run_id: int, bucket: str, keys: Collection[str]) -> None:
    """Forget that this run's listing lacked these keys."""
    missed = update(SourceObject).where(among(bucket, keys), SourceObject.missing_in_run == run_id)
    session.execute(missed.values(missing_in_run=None))


def count_known(session: Session, bucket: str, prefix: str) -> Known:
    """Count what the catalogue believes of the store under `prefix`, and doubts."""
    is_there = SourceObject.gone_at.is_(None)
    counted = select(
        func.count().filter(is_there),
        func.count().filter(is_there & SourceObject.missing_in_run.is_not(None)),
        func.count().filter(SourceObject.gone_at > sql_now(session, -LATELY_S)),
    )
    return Known(*session.execute(counted.where(SourceObject.bucket == bucket, under(prefix))).one())


def settle_missing(session: Session, run_id: int, *, remove: bool, after: int = 0) -> list[int]:
    """Mark what this run's complete listing lacks as gone, or forget that it was missing; returns ids, some at a time.

    A transaction settles the first ones after an id, and no more: objects are locked before items, as every writer
    does, so a second piece in the same transaction could wait for a worker that waits for the first.
    """
    missed = select(SourceObject.id).where(SourceObject.missing_in_run == run_id, SourceObject.id > after)
    ids = list(session.execute(missed.order_by(SourceObject.id).limit(STEP).with_for_update(key_share=True)).scalars())
    values: dict[str, Any] = {"missing_in_run": None} | ({"gone_at": sql_now(session)} if remove else {})
    _set(session, ids, **values)
    if remove and ids:
        _end_open_work(session, ids, "not_found")
    return ids


def enqueue(
    session: Session, run: Run, tokens: Mapping[int, str], *, queue: str, priority: int, failures: int = 0
) -> int:
    """Queue each object version (id -> token) that is not queued yet; returns how many were.

    The request is "scan". A version that comes back after its work has ended is a request of its own each time.
    """
    items = table_of(WorkItem)
    statement = upsert(session, items).on_conflict_do_nothing().returning(items.c.object_id)
    work = {
        "model_version_id": run.model_version_id,
        "run_id": run.id,
        "queue": queue,
        "priority": priority,
        "failures": failures,
    }
    missing = dict(sorted(tokens.items()))
    for request in ("scan", f"scan:{run.id}:{uuid4().hex}"):
        if not missing:
            break
        item = work | {"request_id": request, "state": "pending", "eligible_at": now(session)}
        rows = [item | {"object_id": object_id, "version_token": token} for object_id, token in missing.items()]
        for object_id in session.execute(statement, rows).scalars():
            del missing[object_id]
    return len(tokens) - len(missing)


def _set(session: Session, object_ids: Collection[int], **values: Any) -> None:
    if object_ids:
        session.execute(update(SourceObject).where(SourceObject.id.in_(sorted(object_ids))).values(values))


def _end_open_work(session: Session, object_ids: Collection[int], reason: str) -> None:
    """Skip what is open of these objects, locked in the order of the items' ids over all of them."""
    is_open, objects = WorkItem.state.in_(OPEN_STATES), sorted(object_ids)
    items: list[int] = []
    for start in range(0, len(objects), STEP):
        some = WorkItem.object_id.in_(objects[start : start + STEP])
        items += session.execute(select(WorkItem.id).where(some, is_open)).scalars()
    items.sort()
    for start in range(0, len(items), STEP):
        those = WorkItem.id.in_(items[start : start + STEP]), is_open
        locked = select(WorkItem.id).where(*those).order_by(WorkItem.id).with_for_update()
        ended = {"state": "skipped", "reason": reason, "lease_owner": None}
        ids = list(session.execute(locked).scalars())
        session.execute(update(WorkItem).where(WorkItem.id.in_(ids)).values(ended))
