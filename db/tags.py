"""Recording what models say: result, tag, history and the end of the work are written together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Any

from sqlalchemy import Dialect, Row, Select, func, insert, or_, select
from sqlalchemy.orm import Session

from db import actors
from db.queue import leases
from db.queue.leases import ClaimedItem
from db.schema import Classification, ImageTag, SourceObject, TagEvent, WorkItem
from db.schema.bulk import write
from db.schema.columns import table_of
from db.schema.lists import in_list
from db.session import dialect_of, now, upsert

TAGS = table_of(ImageTag)
_ADDING_RESULTS = insert(table_of(Classification))
ADDING_EVENTS = insert(table_of(TagEvent))
TAG_FIELDS = ("category", "confidence", "needs_review", "review_reason", "source", "model_version_id")
_KEPT = 16
"""Statements are kept for so many engines, of which a process has a few."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A model's result for one claimed image. Confidence and scores (in the bundle's order of categories) in 1e-4.

    `audit_share` is the probability with which an image that passed was drawn to be reviewed all the same.
    """

    item: ClaimedItem
    category: str
    confidence: int
    scores: list[int]
    ood_score: float | None
    needs_review: bool
    review_reason: str | None
    audit_share: float | None = None
    fingerprint: bytes | None = None  # of the picture as the network saw it, kept only of what needs review


def record(session: Session, tagged: Sequence[Tagged], *, model_version_id: int) -> int:
    """Write a micro-batch's results, tags, history and states in the caller's transaction; returns how many counted.

    A result whose lease was lost is dropped, as somebody else records it. One for an image that was overwritten in the
    meantime, or that a newer run has classified, is kept, but does not become its tag.
    """
    if not tagged:
        return 0
    tokens = lock_objects(session, [result.item.object_id for result in tagged])
    ours = leases.lock_held(session, [result.item for result in tagged])
    results = sorted((result for result in tagged if result.item.id in ours), key=lambda result: result.item.id)
    if not results:
        return 0
    tagged_at = now(session)
    current = [result for result in results if tokens[result.item.object_id] == result.item.version_token]
    newest = _newest_runs(session, current)
    current = [result for result in current if newest.get(_version_of(result), 0) <= result.item.run_id]
    _append_classifications(session, results, model_version_id, tagged_at)
    _tag(session, current, model_version_id, tagged_at)
    leases.finish(session, ours)
    return len(ours)


def lock(session: Session, items: Sequence[ClaimedItem]) -> None:
    """Lock all that one transaction is to write, results and faults: objects before items, each in id order."""
    lock_objects(session, [item.object_id for item in items])
    leases.lock_held(session, items)


def lock_objects(session: Session, object_ids: Sequence[int]) -> dict[int, str]:
    """Lock objects in id order, before any item, as every writer does; returns version tokens by object id."""
    return dict(session.execute(_locking(dialect_of(session)), {"ids": sorted(object_ids)}).all())


@lru_cache(_KEPT)
def _locking(dialect: Dialect) -> Select[int, str]:
    these = in_list(dialect, SourceObject.id, "ids")
    tokens = select(SourceObject.id, SourceObject.version_token).where(these).order_by(SourceObject.id)
    return tokens.with_for_update(key_share=True)


def tags_of(session: Session, object_ids: Collection[int]) -> dict[int, Row[*tuple[Any, ...]]]:
    """Return tags by image, as they are now."""
    tags = session.execute(_tags(dialect_of(session)), {"ids": sorted(object_ids)})
    return {tag.object_id: tag for tag in tags}


@lru_cache(_KEPT)
def _tags(dialect: Dialect) -> Select[*tuple[Any, ...]]:
    return select(TAGS).where(in_list(dialect, TAGS.c.object_id, "ids"))


def _newest_runs(session: Session, results: Sequence[Tagged]) -> dict[tuple[int, str], int]:
    """Return the newest run that has classified each of these object versions, if any has."""
    ids = sorted(result.item.object_id for result in results)
    rows = session.execute(_classified(dialect_of(session)), {"ids": ids}) if ids else ()
    return {(object_id, token): run_id for object_id, token, run_id in rows}


@lru_cache(_KEPT)
def _classified(dialect: Dialect) -> Select[int, str, int]:
    version = WorkItem.object_id, WorkItem.version_token
    classified = select(*version, func.max(WorkItem.run_id)).join_from(Classification, WorkItem)
    return classified.where(in_list(dialect, Classification.object_id, "ids")).group_by(*version)


def _version_of(result: Tagged) -> tuple[int, str]:
    return result.item.object_id, result.item.version_token


def _append_classifications(
    session: Session, results: Sequence[Tagged], model_version_id: int, tagged_at: datetime
) -> None:
    rows = [
        _decision(result, model_version_id)
        | {
            "work_item_id": result.item.id,
            "object_id": result.item.object_id,
            "fence": result.item.fence,
            "scores": result.scores,
            "ood_score": _finite(result.ood_score),
            "audit_share": result.audit_share,
            "fingerprint": result.fingerprint,
            "created_at": tagged_at,
        }
        for result in results
    ]
    write(session, _ADDING_RESULTS, rows)


def _finite(score: float | None) -> float | None:
    """Return a score as both databases and JSON can hold it."""
    return score if score is not None and isfinite(score) else None


def _tag(session: Session, results: Sequence[Tagged], model_version_id: int, tagged_at: datetime) -> None:
    """Upsert the tags that change, and append an event for each that did. The caller holds the objects' locks."""
    if not results:
        return
    ids = [result.item.object_id for result in results]
    before = tags_of(session, ids)
    versions = {object_id: tag.version for object_id, tag in before.items()} | last_seqs(session, {*ids} - {*before})
    fields = {result.item.object_id: _decision(result, model_version_id) | {"source": "model"} for result in results}
    rows = [
        new | {"object_id": object_id, "version": versions[object_id] + 1, "tagged_at": tagged_at}
        for object_id, new in fields.items()
    ]
    changed = put_tags(session, rows, unless_human=True)
    events = [
        {
            "object_id": result.item.object_id,
            "seq": versions[result.item.object_id] + 1,
            "old": as_dict(before.get(result.item.object_id)),
            "new": fields[result.item.object_id],
            "actor": actors.of_run(result.item.run_id),
            "why": "classified",
            "at": tagged_at,
        }
        for result in results
        if result.item.object_id in changed
    ]
    add_events(session, events)


def last_seqs(session: Session, object_ids: Collection[int]) -> dict[int, int]:
    """Return the number of each image's last event; 0 if it has none. For a tag that is there, see its version."""
    ids = sorted(object_ids)
    known = dict(session.execute(_newest(dialect_of(session)), {"ids": ids}).all()) if ids else {}
    return {object_id: known.get(object_id, 0) for object_id in object_ids}


@lru_cache(_KEPT)
def _newest(dialect: Dialect) -> Select[int, int]:
    newest = select(TagEvent.object_id, func.max(TagEvent.seq)).where(in_list(dialect, TagEvent.object_id, "ids"))
    return newest.group_by(TagEvent.object_id)


def put_tags(session: Session, rows: Sequence[Mapping[str, Any]], *, unless_human: bool = False) -> set[int]:
    """Write whole tags over what is there; returns whose were written. With `unless_human` see `upserting`."""
    return set(write(session, upserting(dialect_of(session), unless_human), rows).scalars()) if rows else set()


def add_events(session: Session, events: Sequence[Mapping[str, Any]]) -> None:
    """Append to the history of tags."""
    if events:
        write(session, ADDING_EVENTS, events)


@lru_cache(16)
def upserting(dialect: Dialect, unless_human: bool) -> Any:
    """Build the INSERT ... ON CONFLICT DO UPDATE, which itself leaves human and unchanged tags as they are."""
    statement = upsert(dialect, TAGS)
    old, new = TAGS.c, statement.excluded
    differs = or_(*(old[name].is_distinct_from(new[name]) for name in TAG_FIELDS))
    return statement.on_conflict_do_update(
        index_elements=[old.object_id],
        set_={name: new[name] for name in (*TAG_FIELDS, "version", "tagged_at")},
        where=(old.source != "human") & differs if unless_human else None,
    ).returning(old.object_id)


def _decision(tagged: Tagged, model_version_id: int) -> dict[str, Any]:
    """Return what a classification and a tag have in common."""
    return {
        "category": tagged.category,
        "confidence": tagged.confidence,
        "needs_review": tagged.needs_review,
        "review_reason": tagged.review_reason,
        "model_version_id": model_version_id,
    }


def as_dict(tag: Row[*tuple[Any, ...]] | None) -> dict[str, Any] | None:
    return {name: getattr(tag, name) for name in TAG_FIELDS} if tag else None
