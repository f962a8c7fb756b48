"""Neighbours: images that people have settled and that the model answered much like another one."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.review import screens
from db.review.items import Item
from db.schema import ImageTag

_LOOKED_AT, _COMPARED = 2_000, 100
"""Newest images of a category that are looked through for settled ones, and of these the most that are compared."""


def settled(session: Session, like: Item, category: str, *, limit: int) -> list[Item]:
    """Return images that people gave a category, those first whose scores are the most like those of an image."""
    tag = ImageTag
    newest = select(tag.object_id, tag.source).where(tag.category == category)
    some = newest.order_by(tag.object_id.desc()).limit(_LOOKED_AT).subquery()
    of_people = select(some.c.object_id).where(some.c.source == "human", some.c.object_id != like.object_id)
    ids = session.execute(of_people.limit(_COMPARED)).scalars().all()
    found = screens.items(session, ids) if ids else []
    return sorted(found, key=lambda item: _distance(like.scores, item.scores))[:limit]


def _distance(one: Sequence[int] | None, other: Sequence[int] | None) -> float:
    if one is None or other is None or len(one) != len(other):
        return float("inf")
    return float(sum(abs(a - b) for a, b in zip(one, other, strict=True)))
