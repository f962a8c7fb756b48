"""Images as reviewers and programs look at them: a page of them by keyset, one, and its whole history."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, literal, select, tuple_
from sqlalchemy.orm import Session

from db import CatalogueError, actors
from db.schema import (
    CONFIDENCE_UNIT,
    Classification,
    Decision,
    ImageComment,
    ImageTag,
    ModelVersion,
    Run,
    SourceObject,
    TagEvent,
    User,
    WorkItem,
)
from db.schema.columns import table_of


class NoSuchImage(CatalogueError):
    """No image of that id has a tag."""


@dataclass(frozen=True, slots=True)
class Place:
    """The last image of a page, from which the next page goes on."""

    confidence: int
    object_id: int


def page(
    session: Session, *, limit: int, after: Place | None, category: str | None, needs_review: bool | None
) -> tuple[list[dict[str, Any]], Place | None]:
    """Return a page of tagged images and where it ends; None at the last one.

    What waits for review comes with the least certain first, and all else in the order in which it was found.
    """
    tag, by_confidence = ImageTag, needs_review is True
    statement = _images().limit(limit + 1)
    if category is not None:
        statement = statement.where(tag.category == category)
    if needs_review is not None:
        statement = statement.where(tag.needs_review if needs_review else ~tag.needs_review)
    if by_confidence:
        statement = statement.order_by(tag.confidence, tag.object_id)
        if after is not None:
            place = tuple_(literal(after.confidence), literal(after.object_id))
            statement = statement.where(tuple_(tag.confidence, tag.object_id) > place)
    else:
        statement = statement.order_by(tag.object_id)
        if after is not None:  # said of both tables: else one of them may be read from its beginning
            statement = statement.where(tag.object_id > after.object_id, SourceObject.id > after.object_id)
    rows = session.execute(statement).mappings().all()
    found = [_plain(dict(row)) for row in rows[:limit]]
    last = rows[limit - 1] if len(rows) > limit else None
    return found, None if last is None else Place(last["confidence"], last["object_id"])


def one(session: Session, object_id: int) -> dict[str, Any]:
    """Return a tagged image. Raises NoSuchImage."""
    row = session.execute(_images().where(ImageTag.object_id == object_id)).mappings().one_or_none()
    if row is None:
        raise no_such(object_id)
    return _plain(dict(row))


def stored(session: Session, object_id: int) -> tuple[str, str, str]:
    """Return bucket, key and version token of an image that is there. Raises NoSuchImage."""
    row = session.execute(_stored(), {"id": object_id}).one_or_none()
    if row is None:
        raise no_such(object_id)
    return row.bucket, row.key, row.version_token


@cache
def _stored() -> Select[*tuple[Any, ...]]:
    """Select where an image is. Each picture asks so: built once, and of a table, which needs no ORM."""
    image = table_of(SourceObject).c
    statement = select(image.bucket, image.key, image.version_token)
    return statement.where(image.id == bindparam("id"), image.gone_at.is_(None))


def history(session: Session, object_id: int) -> dict[str, Any]:
    """Return all that happened to an image, each kind with the oldest first. Raises NoSuchImage."""
    return {
        "object": one(session, object_id),
        "versions": _versions(session, object_id),
        "events": _events(session, object_id),
        "classifications": _classifications(session, object_id),
        "decisions": _decisions(session, object_id),
        "comments": _comments(session, object_id),
    }


def of_product(session: Session, object_id: int, limit: int = 12) -> Sequence[int]:
    """Return the ids of other images of the same product."""
    image = SourceObject
    product = select(image.product_id, image.bucket).where(image.id == object_id, image.product_id.is_not(None))
    found = session.execute(product).one_or_none()
    if found is None:
        return []
    same = image.product_id == found.product_id, image.bucket == found.bucket, image.id != object_id
    return session.execute(select(image.id).where(*same, image.gone_at.is_(None)).limit(limit)).scalars().all()


def _images() -> Select[*tuple[Any, ...]]:
    tag, image, model = ImageTag, SourceObject, ModelVersion
    return (
        select(
            *(tag.object_id, image.bucket, image.key, image.product_id, image.version_token, tag.version),
            *(tag.category, tag.confidence, tag.needs_review, tag.review_reason, tag.source),
            *((model.name + "@" + model.version).label("model"), tag.tagged_at),
        )
        .join(image, image.id == tag.object_id)
        .outerjoin(model, model.id == tag.model_version_id)
        .where(image.gone_at.is_(None))
    )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"confidence": row["confidence"] / CONFIDENCE_UNIT, "tagged_at": row["tagged_at"].isoformat()}


def _versions(session: Session, object_id: int) -> list[dict[str, Any]]:
    """List what was to be done about each version of an image, and in which run."""
    item, run, model = WorkItem, Run, ModelVersion
    statement = (
        select(
            *(item.version_token.label("version"), item.state, item.reason, item.run_id.label("run"), run.kind),
            *(run.requested_by, (model.name + "@" + model.version).label("model"), run.created_at),
        )
        .join(run, run.id == item.run_id)
        .join(model, model.id == item.model_version_id)
        .where(item.object_id == object_id)
        .order_by(item.id)
    )
    rows = [dict(row) for row in session.execute(statement).mappings()]
    return [
        row | {"requested_by": actors.name_of(row["requested_by"]), "created_at": row["created_at"].isoformat()}
        for row in rows
    ]


def _events(session: Session, object_id: int) -> list[dict[str, Any]]:
    events = select(TagEvent).where(TagEvent.object_id == object_id).order_by(TagEvent.seq)
    return [
        {
            "version": event.seq,
            "at": event.at.isoformat(),
            "by": actors.name_of(event.actor),
            "why": event.why,
            "old": event.old and event.old["category"],
            "new": event.new["category"],
            "review_reason": event.new["review_reason"],
            "source": event.new["source"],
        }
        for event in session.execute(events).scalars()
    ]


def _classifications(session: Session, object_id: int) -> list[dict[str, Any]]:
    made = Classification
    statement = (
        select(made, ModelVersion)
        .join(ModelVersion, ModelVersion.id == made.model_version_id)
        .where(made.object_id == object_id)
        .order_by(made.id)
    )
    return [
        {
            "at": result.created_at.isoformat(),
            "model": model.bundle_id,
            "category": result.category,
            "confidence": result.confidence / CONFIDENCE_UNIT,
            "needs_review": result.needs_review,
            "review_reason": result.review_reason,
        }
        for result, model in session.execute(statement)
    ]


def _decisions(session: Session, object_id: int) -> list[dict[str, Any]]:
    statement = select(Decision, User.name).join(User, User.id == Decision.user_id)
    return [
        {
            "id": decision.key,
            "at": decision.decided_at.isoformat(),
            "by": name,
            "outcome": decision.outcome,
            "category": decision.category,
            "how": decision.how,
            "drawn": decision.drawn,
            "suggested": decision.suggested,
            "undone_at": decision.undone_at and decision.undone_at.isoformat(),
        }
        for decision, name in session.execute(statement.where(Decision.object_id == object_id).order_by(Decision.id))
    ]


def _comments(session: Session, object_id: int) -> list[dict[str, Any]]:
    written = select(User.name, ImageComment.text, ImageComment.at).join(User, User.id == ImageComment.user_id)
    of_image = written.where(ImageComment.object_id == object_id).order_by(ImageComment.id)
    return [{"by": by, "text": text, "at": at.isoformat()} for by, text, at in session.execute(of_image)]


def no_such(object_id: int) -> NoSuchImage:
    """Return what to raise for an id that no tagged image has."""
    return NoSuchImage(f"there is no image {object_id} with a tag; `tagger export` lists what there is")
