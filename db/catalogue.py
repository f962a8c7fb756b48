"""Reads and writes of tags: what a model said, what a person decided, and the trail of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Float, Row, exists, insert, select, text
from sqlalchemy.orm import Session, aliased

from db import CatalogueError, actors, queue
from db.columns import UtcTime, table_of
from db.queue import ClaimedItem
from db.schema import CONFIDENCE_UNIT, Classification, ImageTag, SourceObject, TagEvent, WorkItem
from db.session import now, upsert

EXPORT_COLUMNS = (
    "bucket",
    "key",
    "product_id",
    "category",
    "confidence",
    "needs_review",
    "review_reason",
    "source",
    "model",
    "tagged_at",
)
_TAGS = table_of(ImageTag)
_TAG_FIELDS = ("category", "confidence", "needs_review", "review_reason", "source", "model_version_id")


class NoSuchObject(CatalogueError):
    """No image with that id is in the catalogue."""


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


@dataclass(frozen=True, slots=True)
class HumanTag:
    """What a person said of an image, and where its bytes are."""

    bucket: str
    key: str
    version_token: str
    product_id: str | None
    category: str


def record(session: Session, tagged: Sequence[Tagged], *, model_version_id: int) -> int:
    """Results, tags, audit and states of a micro-batch, in the caller's one transaction. Returns how many were ours.

    A result whose lease was lost, or whose image was overwritten meanwhile, is dropped: somebody else records it.
    """
    if not tagged:
        return 0
    current = _lock_objects(session, [each.item.object_id for each in tagged])
    kept = queue.lock_held(session, [each.item for each in tagged])
    results = sorted((each for each in tagged if each.item.id in kept), key=lambda each: each.item.id)
    if not results:
        return 0
    at = now(session)
    _append_classifications(session, results, model_version_id, at)
    _tag(session, [each for each in results if _is_current(each, current)], model_version_id, at)
    queue.finish(session, kept)
    return len(kept)


def set_human_tag(session: Session, object_id: int, category: str, *, person: str, why: str) -> None:
    """A person's decision. From here on no model changes this image's category."""
    if object_id not in _lock_objects(session, [object_id]):
        raise NoSuchObject(f"no image has the id {object_id}; `tagger export` lists what there is")
    before = session.execute(select(_TAGS).where(_TAGS.c.object_id == object_id)).one_or_none()
    new: dict[str, Any] = dict.fromkeys(_TAG_FIELDS) | {
        "category": category,
        "confidence": CONFIDENCE_UNIT,
        "needs_review": False,
        "source": "human",
    }
    version = before.version + 1 if before else 1
    event = {"object_id": object_id, "seq": version, "old": _as_dict(before), "new": new}
    at = now(session)
    session.execute(_upsert(session), [new | {"object_id": object_id, "version": version, "tagged_at": at}])
    session.execute(insert(table_of(TagEvent)), [event | {"actor": actors.of_person(person), "why": why, "at": at}])


def failures(session: Session, reason: str | None = None) -> Sequence[Row[*tuple[Any, ...]]]:
    """Items that ended without a tag, or wait because they failed, unless the same version was queued anew since."""
    later = aliased(WorkItem)
    superseded = exists().where(
        later.object_id == WorkItem.object_id,
        later.model_version_id == WorkItem.model_version_id,
        later.version_token == WorkItem.version_token,
        later.id > WorkItem.id,
    )
    statement = (
        select(
            SourceObject.bucket,
            SourceObject.key,
            WorkItem.state,
            WorkItem.reason,
            WorkItem.detail,
            WorkItem.failures,
            WorkItem.crashes,
        )
        .join(SourceObject, SourceObject.id == WorkItem.object_id)
        .where(WorkItem.reason.is_not(None), WorkItem.state.not_in(("done", "cancelled")))
        .where(WorkItem.version_token == SourceObject.version_token, SourceObject.gone_at.is_(None), ~superseded)
        .order_by(SourceObject.bucket, SourceObject.key)
    )
    return session.execute(statement.where(WorkItem.reason == reason) if reason else statement).all()


def export(session: Session, *, category: str | None = None, needs_review: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of the view `catalogue_tags`, by EXPORT_COLUMNS, streamed in key order."""
    conditions = ["1 = 1"]
    if category is not None:
        conditions.append("category = :category")
    if needs_review:
        conditions.append("needs_review")
    columns, where = ", ".join(EXPORT_COLUMNS), " AND ".join(conditions)
    statement = text(f"SELECT {columns} FROM catalogue_tags WHERE {where} ORDER BY bucket, key")  # noqa: S608 -- our words
    typed = statement.columns(confidence=Float(), needs_review=Boolean(), tagged_at=UtcTime())
    parameters = {"category": category} if category is not None else {}
    for row in session.execute(typed, parameters, execution_options={"yield_per": 2000}):
        yield dict(zip(EXPORT_COLUMNS, row, strict=True))


def human_tags(session: Session) -> list[HumanTag]:
    """The categories that people gave to images that are there, in the order of bucket and key."""
    statement = (
        select(
            SourceObject.bucket,
            SourceObject.key,
            SourceObject.version_token,
            SourceObject.product_id,
            ImageTag.category,
        )
        .join(ImageTag, ImageTag.object_id == SourceObject.id)
        .where(ImageTag.source == "human", SourceObject.gone_at.is_(None))
        .order_by(SourceObject.bucket, SourceObject.key)
    )
    return [HumanTag(*row) for row in session.execute(statement)]


def _is_current(result: Tagged, tokens: dict[int, str]) -> bool:
    return tokens[result.item.object_id] == result.item.version_token


def _lock_objects(session: Session, object_ids: Sequence[int]) -> dict[int, str]:
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
    before = {tag.object_id: tag for tag in session.execute(select(_TAGS).where(_TAGS.c.object_id.in_(ids)))}
    versions = {object_id: before[object_id].version if object_id in before else 0 for object_id in ids}
    fields = {each.item.object_id: _fields(each, model_version_id) for each in results}
    rows = [
        new | {"object_id": object_id, "version": versions[object_id] + 1, "tagged_at": at}
        for object_id, new in fields.items()
    ]
    changed = set(session.execute(_upsert(session, unless_human=True), rows).scalars())
    events = [
        {
            "object_id": each.item.object_id,
            "seq": versions[each.item.object_id] + 1,
            "old": _as_dict(before.get(each.item.object_id)),
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


def _upsert(session: Session, *, unless_human: bool = False) -> Any:
    """INSERT ... ON CONFLICT DO UPDATE, which itself leaves human and unchanged tags as they are."""
    statement = upsert(session, _TAGS)
    old, new = _TAGS.c, statement.excluded
    differs = (
        (old.category != new.category)
        | (old.confidence != new.confidence)
        | (old.needs_review != new.needs_review)
        | old.review_reason.is_distinct_from(new.review_reason)
        | old.model_version_id.is_distinct_from(new.model_version_id)
    )
    return statement.on_conflict_do_update(
        index_elements=[old.object_id],
        set_={name: new[name] for name in (*_TAG_FIELDS, "version", "tagged_at")},
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


def _as_dict(tag: Row[*tuple[Any, ...]] | None) -> dict[str, Any] | None:
    return {name: getattr(tag, name) for name in _TAG_FIELDS} if tag else None
