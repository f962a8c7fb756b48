"""The invariants of tags and of their history: I5 and I7."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, cast, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, aliased

from db import actors
from db.schema import ImageTag, Retention, TagEvent
from db.session import is_sqlite
from db.tags import TAG_FIELDS


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
    of_tag = select(ImageTag.version).where(ImageTag.object_id == TagEvent.object_id).scalar_subquery()
    led_to = func.coalesce(of_tag, case((withdrawn, func.max(TagEvent.seq)), else_=0))
    detail = literal("an object's trail has gaps, or more events than the tag it leads to counts")
    grouped = select(func.max(TagEvent.id), detail).group_by(TagEvent.object_id)
    return grouped.having(or_(gap, beginning_lost, led_to < func.max(TagEvent.seq)))


def broken_chain(session: Session) -> Select[Any, Any]:
    """Select events that do not begin where the one before them ended. One that is missing is a gap."""
    former = aliased(TagEvent)
    before = former.object_id == TagEvent.object_id, former.seq == TagEvent.seq - 1
    differs = _fields(session, TagEvent.old) != _fields(session, former.new)
    # A subquery of one row is asked by the index for each event; of a join PostgreSQL makes one of the whole table.
    is_broken = select(differs).where(*before).correlate(TagEvent).scalar_subquery()
    detail = literal("what it says was before is not what the event before it left")
    return select(TagEvent.id, detail).where(TagEvent.seq > 1, is_broken)


def _fields(session: Session, value: Any) -> ColumnElement[Any]:
    """Return the fields of a tag, to compare them. PostgreSQL reads JSON anew for each field that is asked for."""
    if is_sqlite(session):
        return func.json_array(*(value[name].as_string() for name in TAG_FIELDS))
    untagged = literal(dict.fromkeys(TAG_FIELDS), JSONB())
    return func.coalesce(cast(value, JSONB), untagged).op("-")("origin")


def trail_ends_elsewhere() -> Select[Any, Any]:
    last = exists().where(
        TagEvent.object_id == ImageTag.object_id,
        TagEvent.seq == ImageTag.version,
        TagEvent.new["category"].as_string() == ImageTag.category,
        TagEvent.new["source"].as_string() == ImageTag.source,
    )
    detail = literal("the tag is not what its last event says: ") + ImageTag.category
    return select(ImageTag.object_id, detail).where(~last)
