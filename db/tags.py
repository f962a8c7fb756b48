"""Tags of images: results of models are recorded with their tag, its history and the end of the work, in one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.orm import Session

from db import actors, queue
from db.queue import ClaimedItem
from db.schema import Classification, ImageTag, SourceObject, TagEvent
from db.schema.columns import table_of
from db.session import now, upsert

TAGS = table_of(ImageTag)
TAG_FIELDS = ("category", "confidence", "needs_review", "review_reason", "source", "model_version_id")


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a model said of one claimed image. Confidence and scores (in the bundle's order of categories) in 1e-4."""

    item: ClaimedItem
    category: str
    confidence: int
    scores: list[int]
    ood_score: float | None
    needs_review: bool
    review_reason: str | None


def record(session: Session, tagged: Sequence[Tagged], *, model_version_id: int) -> int:
    """Results, tags, audit and states of a micro-batch, in the caller's one transaction. Returns how many were ours.

    A result whose lease was lost, or whose image was overwritten meanwhile, is dropped: somebody else records it.
    """
    if not tagged:
        return 0
    current = lock_objects(session, [each.item.object_id for each in tagged])
    kept = queue.lock_held(session, [each.item for each in tagged])
    results = sorted((each for each in tagged if each.item.id in kept), key=lambda each: each.item.id)
    if not results:
        return 0
    at = now(session)
    _append_classifications(session, results, model_version_id, at)
    _tag(session, [each for each in results if _is_current(each, current)], model_version_id, at)
    queue.finish(session, kept)
    return len(kept)


def _is_current(result: Tagged, tokens: dict[int, str]) -> bool:
    return tokens[result.item.object_id] == result.item.version_token


def lock_objects(session: Session, object_ids: Sequence[int]) -> dict[int, str]:
    """Version tokens by object id. Rows are locked in id order, before any item: the order of every writer."""
    locked = (
        select(SourceObject.id, SourceObject.version_token)
        .where(SourceObject.id.in_(sorted(object_ids)))
        .order_by(SourceObject.id)
        .with_for_update(key_share=True)
    )
    return dict(session.execute(locked).all())


def _append_classifications(session: Session, results: Sequence[Tagged], model_version_id: int, at: datetime) -> None:
    rows = [
        {
            "work_item_id": each.item.id,
            "object_id": each.item.object_id,
            "model_version_id": model_version_id,
            "fence": each.item.fence,
            "category": each.category,
            "confidence": each.confidence,
            "scores": each.scores,
            "ood_score": each.ood_score,
            "needs_review": each.needs_review,
            "review_reason": each.review_reason,
            "created_at": at,
        }
        for each in results
    ]
    session.execute(insert(table_of(Classification)), rows)


def _tag(session: Session, results: Sequence[Tagged], model_version_id: int, at: datetime) -> None:
    """Upsert the tags that change, and an event for each that did. The caller holds the objects' locks."""
    if not results:
        return
    ids = [each.item.object_id for each in results]
    before = {tag.object_id: tag for tag in session.execute(select(TAGS).where(TAGS.c.object_id.in_(ids)))}
    versions = {object_id: before[object_id].version if object_id in before else 0 for object_id in ids}
    fields = {each.item.object_id: _fields(each, model_version_id) for each in results}
    rows = [
        new | {"object_id": object_id, "version": versions[object_id] + 1, "tagged_at": at}
        for object_id, new in fields.items()
    ]
    changed = set(session.execute(upsert_tags(session, unless_human=True), rows).scalars())
    events = [
        {
            "object_id": each.item.object_id,
            "seq": versions[each.item.object_id] + 1,
            "old": as_dict(before.get(each.item.object_id)),
            "new": fields[each.item.object_id],
            "actor": actors.of_run(each.item.run_id),
            "why": "classified",
            "at": at,
        }
        for each in results
        if each.item.object_id in changed
    ]
    if events:
        session.execute(insert(table_of(TagEvent)), events)


def upsert_tags(session: Session, *, unless_human: bool = False) -> Any:
    """INSERT ... ON CONFLICT DO UPDATE, which itself leaves human and unchanged tags as they are."""
    statement = upsert(session, TAGS)
    old, new = TAGS.c, statement.excluded
    differs = (
        (old.category != new.category)
        | (old.confidence != new.confidence)
        | (old.needs_review != new.needs_review)
        | old.review_reason.is_distinct_from(new.review_reason)
        | old.model_version_id.is_distinct_from(new.model_version_id)
    )
    return statement.on_conflict_do_update(
        index_elements=[old.object_id],
        set_={name: new[name] for name in (*TAG_FIELDS, "version", "tagged_at")},
        where=(old.source != "human") & differs if unless_human else None,
    ).returning(old.object_id)


def _fields(tagged: Tagged, model_version_id: int) -> dict[str, Any]:
    return {
        "category": tagged.category,
        "confidence": tagged.confidence,
        "needs_review": tagged.needs_review,
        "review_reason": tagged.review_reason,
        "source": "model",
        "model_version_id": model_version_id,
    }


def as_dict(tag: Row[*tuple[Any, ...]] | None) -> dict[str, Any] | None:
    return {name: getattr(tag, name) for name in TAG_FIELDS} if tag else None
