"""Forgetting of images with all their rows, some at a time, and what keeps single ones from being taken in again."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import eq
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import Session

from db import CatalogueError, actors, runs
from db.keys import in_key_order, is_key, under
from db.objects import buckets
from db.schema import (
    Classification,
    Decision,
    Forgotten,
    ImageComment,
    ImageTag,
    Probe,
    ReviewClaim,
    Run,
    SecondOpinion,
    SourceObject,
    TagEvent,
    WorkItem,
)
from db.schema.columns import table_of
from db.session import sql_now, upsert
from db.tags import lock_objects

STEP = 150
"""Images in one transaction: with their items, results, tags and events about 1,000 rows."""
_BEING_SCANNED_S = 60.0


class ForgetRefused(CatalogueError):
    """Somebody is at work on what is to be forgotten."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The number of images, and by person how many of them they have decided about."""

    images: int
    decided: dict[str, int]


def of_source(bucket: str, prefix: str) -> ColumnElement[bool]:
    return and_(SourceObject.bucket == bucket, under(prefix))


def of_key(session: Session, key: str) -> list[ColumnElement[bool]]:
    """Match the images with this key, a condition for each bucket."""
    return [and_(SourceObject.bucket == bucket, is_key(eq, key)) for bucket in buckets(session)]


def of_prefix(session: Session, prefix: str) -> list[ColumnElement[bool]]:
    return [of_source(bucket, prefix) for bucket in buckets(session)]


def figures(session: Session, meant: Sequence[ColumnElement[bool]]) -> Figures:
    images, decided = 0, dict[str, int]()
    for some in meant:
        images += session.execute(select(func.count(SourceObject.id)).where(some)).scalar_one()
        by_person = (
            select(TagEvent.actor, func.count(TagEvent.object_id.distinct()))
            .join(SourceObject, SourceObject.id == TagEvent.object_id)
            .where(some, actors.is_person(TagEvent.actor))
            .group_by(TagEvent.actor)
        )
        for actor, count in session.execute(by_person):
            decided[actors.name_of(actor)] = decided.get(actors.name_of(actor), 0) + count
    return Figures(images, decided)


def end_runs(session: Session, bucket: str, source: str) -> None:
    """End the runs that wait to list a source which is forgotten. Raises ForgetRefused if one of its bucket does."""
    listing = (Run.state == "scanning") & (Run.updated_at > sql_now(session, -_BEING_SCANNED_S))
    busy = session.execute(select(Run.id).where(Run.bucket == bucket, listing).limit(1)).scalar_one_or_none()
    if busy is not None:
        raise ForgetRefused(f"run {busy} is listing {bucket}; wait for its end, or stop it: tagger runs cancel {busy}")
    waiting = select(Run).where(Run.state.in_(("planned", "scanning"))).order_by(Run.id).with_for_update()
    for run in session.execute(waiting).scalars():
        if run.selection.get("source") == source:
            run.state, run.finished_at = "cancelled", sql_now(session)


def forget_some(session: Session, meant: ColumnElement[bool], *, for_good: bool) -> int:
    """Remove the first images that match, with all their rows, and maybe for good; returns how many."""
    order = SourceObject.bucket, *in_key_order(session, SourceObject.key)
    found = session.execute(select(SourceObject.id).where(meant).order_by(*order).limit(STEP)).scalars().all()
    object_ids = sorted(lock_objects(session, found))  # objects before items, as every writer locks
    of_them = WorkItem.object_id.in_(object_ids)
    items = select(WorkItem.id, WorkItem.run_id).where(of_them).order_by(WorkItem.id).with_for_update()
    run_ids = {run_id for _, run_id in session.execute(items)}
    if for_good:
        _remember(session, object_ids)
    removed = (ImageComment, SecondOpinion, Probe, Decision, Classification, ImageTag, ReviewClaim, TagEvent, WorkItem)
    for table in removed:
        rows = table_of(table)
        session.execute(delete(rows).where(rows.c.object_id.in_(object_ids)))
    session.execute(delete(table_of(SourceObject)).where(table_of(SourceObject).c.id.in_(object_ids)))
    _count_anew(session, run_ids)
    return len(object_ids)


def _count_anew(session: Session, run_ids: Collection[int]) -> None:
    """Store the counts of runs that have ended once more, as they have fewer items now."""
    ended = select(Run).where(Run.id.in_(run_ids), Run.state == "finished").order_by(Run.id).with_for_update()
    for run in session.execute(ended).scalars():
        run.counts = run.counts | runs.work_counts(session, run.id)


def _remember(session: Session, object_ids: Collection[int]) -> None:
    salt = _salt(session) or secrets.token_hex(16)
    images = select(SourceObject.bucket, SourceObject.key).where(SourceObject.id.in_(object_ids))
    rows = [{"digest": _digest(salt, *image), "salt": salt} for image in session.execute(images)]
    if rows:
        session.execute(upsert(session, table_of(Forgotten)).on_conflict_do_nothing(), rows)


def forgotten(session: Session, bucket: str, keys: Collection[str]) -> set[str]:
    """Return those of these keys that were forgotten for good."""
    salt = _salt(session) if keys else None
    if salt is None:
        return set()
    digests = {_digest(salt, bucket, key): key for key in keys}
    known = session.execute(select(Forgotten.digest).where(Forgotten.digest.in_(digests))).scalars()
    return {digests[digest] for digest in known}


def _salt(session: Session) -> Any:
    """Return the salt of this catalogue, which its first forgotten image brought along."""
    return session.execute(select(Forgotten.salt).limit(1)).scalar_one_or_none()


def _digest(salt: str, bucket: str, key: str) -> str:
    return hmac.new(salt.encode(), f"{bucket}\0{key}".encode(), hashlib.sha256).hexdigest()
