"""Comments: what people write at an image for others to read."""

from typing import Any

from sqlalchemy.orm import Session

from db.review.images import no_such
from db.schema import ImageComment, ImageTag
from db.session import sql_now, upsert


def add(session: Session, user_id: int, object_id: int, key: str, text: str) -> None:
    """Add a comment; one that is sent again with its key is there once. Raises NoSuchImage."""
    if session.get(ImageTag, object_id) is None:
        raise no_such(object_id)
    row: dict[str, Any] = {"user_id": user_id, "object_id": object_id, "key": key, "text": text}
    written = upsert(session, ImageComment).values(row | {"at": sql_now(session)})
    session.execute(written.on_conflict_do_nothing(index_elements=["user_id", "key"]))
