"""Tags that changed since a cursor, which is the number of a tag event: for programs that keep a copy of the tags."""

from typing import Any

from sqlalchemy import Float, cast, exists, func, select, text
from sqlalchemy.orm import Session, aliased

from db.schema import CONFIDENCE_UNIT, ImageTag, ModelVersion, SourceObject, TagEvent
from db.session import is_sqlite

STEP = 2000


def newest(session: Session) -> int:
    """Return the cursor up to which every event is committed, in a transaction that ends right after it.

    Numbers are drawn before they are committed, so a higher one may be seen first. On PostgreSQL this waits for the
    transactions that are writing events, and lets nobody begin to write one meanwhile.
    """
    if not is_sqlite(session):
        session.execute(text("LOCK TABLE tag_event IN SHARE MODE"))
    return session.execute(select(func.coalesce(func.max(TagEvent.id), 0))).scalar_one()


def last_given(session: Session) -> int:
    """Return the highest number that any event has had, also one that was forgotten: no cursor is beyond it."""
    if is_sqlite(session):
        last = session.execute(text("SELECT seq FROM sqlite_sequence WHERE name = 'tag_event'")).scalar_one_or_none()
    else:
        of_events = "pg_get_serial_sequence('tag_event', 'id')::regclass"
        last = session.execute(text(f"SELECT pg_sequence_last_value({of_events})")).scalar_one()
    return int(last or 0)


def page(session: Session, after: int, until: int) -> tuple[list[dict[str, Any]], int]:
    """Return the images whose last change lies among the first events after a cursor, and the cursor behind these.

    Each image is told as it is now, with EXPORT_COLUMNS and `deleted`: whether it has no tag, or is gone.
    """
    numbers = select(TagEvent.id).where(TagEvent.id > after, TagEvent.id <= until).order_by(TagEvent.id).limit(STEP)
    end = session.execute(select(func.max(numbers.subquery().c.id))).scalar_one()
    if end is None:
        return [], until
    event, later, image, tag, model = TagEvent, aliased(TagEvent), SourceObject, ImageTag, ModelVersion
    superseded = exists().where(later.object_id == event.object_id, later.seq > event.seq, later.id <= until)
    changed = (
        select(
            image.bucket,
            image.key,
            image.product_id,
            tag.category,
            (cast(tag.confidence, Float) / CONFIDENCE_UNIT).label("confidence"),
            tag.needs_review,
            tag.review_reason,
            tag.source,
            (model.name + "@" + model.version).label("model"),
            func.coalesce(tag.tagged_at, event.at).label("tagged_at"),
            (tag.object_id.is_(None) | image.gone_at.is_not(None)).label("deleted"),
        )
        .join_from(event, image, image.id == event.object_id)
        .join(tag, tag.object_id == image.id, isouter=True)
        .join(model, model.id == tag.model_version_id, isouter=True)
        .where(event.id > after, event.id <= end, ~superseded)
        .order_by(event.id)
    )
    return [dict(row) for row in session.execute(changed).mappings()], end
