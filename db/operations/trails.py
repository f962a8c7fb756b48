"""What the trail of a tag says, event by event, as SQL."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, case, cast, func, null, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, aliased

from db.schema import TagEvent
from db.session import is_sqlite

Event = type[TagEvent]


def by(event: Event) -> ColumnElement[str]:
    """Return who made an event of a known image, so that nobody looks for it among all that the same run has done."""
    return func.coalesce(event.actor, "")


def is_last(event: Event) -> ColumnElement[bool]:
    """Tell whether an event is the last of its image."""
    newer = aliased(TagEvent)
    newest = select(func.max(newer.seq)).where(newer.object_id == event.object_id)
    return event.seq == newest.correlate(event).scalar_subquery()


def is_withdrawn(value: Any) -> ColumnElement[bool]:
    """Tell whether what an event says was before or after it, is no tag."""
    return value["category"].as_string().is_(None)  # type: ignore[no-any-return]


def value_of(session: Session, event: Event) -> ColumnElement[Any]:
    """Return what an event made of the tag, and the number of the event it came from; NULL if there was none then."""
    value = (
        func.json_insert(event.new, "$.origin", event.seq)
        if is_sqlite(session)
        else cast(func.jsonb_build_object("origin", event.seq).concat(cast(event.new, JSONB)), JSON)
    )
    return case((is_withdrawn(event.new), null()), else_=value)
