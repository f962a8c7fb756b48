"""The invariants of tags and of their history: I5 and I7."""

from typing import Any

from sqlalchemy import Select, and_, exists, func, literal, or_, select
from sqlalchemy.orm import aliased

from db import actors
from db.schema import ImageTag, Retention, TagEvent


def human_decisions_lost() -> Select[Any, Any]:
    """Select objects where a model's event follows a person's decision, or whose tag is not the last decision."""
    following = aliased(TagEvent)
    overruled = exists().where(
        following.object_id == TagEvent.object_id, following.seq == TagEvent.seq + 1, ~actors.is_person(following.actor)
    )
    is_last = ~exists().where(following.object_id == TagEvent.object_id, following.seq > TagEvent.seq)
    still_tagged = exists().where(
        ImageTag.object_id == TagEvent.object_id,
        ImageTag.source == "human",
        ImageTag.category == TagEvent.new["category"].as_string(),
    )
    return select(TagEvent.object_id, literal("replaced without a person: the decision of ") + TagEvent.actor).where(
        actors.is_person(TagEvent.actor),
        TagEvent.new["source"].as_string() == "human",
        or_(overruled, and_(is_last, ~still_tagged)),
    )


def gaps_in_trail() -> Select[Any, Any]:
    last, newer = aliased(TagEvent), aliased(TagEvent)
    withdrawn = exists().where(
        last.object_id == TagEvent.object_id,
        last.new["category"].as_string().is_(None),
        ~exists().where(newer.object_id == last.object_id, newer.seq > last.seq),
    )
    # Of the first events of a trail that are missing, the last was followed by one that is older than this, too.
    until = select(Retention.until).where(Retention.of == TagEvent.__tablename__).scalar_subquery()
    beginning_lost = and_(func.min(TagEvent.seq) != 1, or_(until.is_(None), func.min(TagEvent.at) >= until))
    gap = func.max(TagEvent.seq) - func.min(TagEvent.seq) + 1 != func.count()
    untagged = and_(~exists().where(ImageTag.object_id == TagEvent.object_id), ~withdrawn)
    return (
        select(func.max(TagEvent.id), literal("events, or the tag they lead to, are missing from an object's trail"))
        .group_by(TagEvent.object_id)
        .having(or_(gap, beginning_lost, untagged))
    )


def trail_ends_elsewhere() -> Select[Any, Any]:
    last = exists().where(
        TagEvent.object_id == ImageTag.object_id,
        TagEvent.seq == ImageTag.version,
        TagEvent.new["category"].as_string() == ImageTag.category,
        TagEvent.new["source"].as_string() == ImageTag.source,
    )
    detail = literal("the tag is not what its last event says: ") + ImageTag.category
    return select(ImageTag.object_id, detail).where(~last)
