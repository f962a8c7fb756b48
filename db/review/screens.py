"""Screens: images that wait for review, claimed for one reviewer in one statement, for ten minutes at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Insert, Row, delete, func, select, update
from sqlalchemy.orm import Session

from db import CatalogueError
from db.review.filters import READER, Filters, Place, Sought, sought
from db.review.items import Item
from db.review.similar import stacks
from db.review.truth import blind as blinds
from db.review.truth.audit import AUDIT
from db.review.waiting import statements, walks
from db.schema import ImageTag, ReviewClaim, ReviewScreen
from db.session import dialect_of, sql_now

HOLD_S = 600.0
"""How long a screen is held for its reviewer, unless it is extended."""


class NoSuchScreen(CatalogueError):
    """No screen with that id is this reviewer's."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A claimed screen: whose time ends at `expires_at`, with its images, the least certain first.

    Those in `blind` are to be shown without a suggestion. `alike` tells of near-identical pictures which one each is
    like.
    """

    id: int
    expires_at: datetime
    items: list[Item]
    blind: frozenset[int] = frozenset()
    alike: Mapping[int, int] = field(default_factory=dict)


def claim(
    session: Session,
    user_id: int,
    filters: Filters,
    *,
    limit: int,
    mode: str,
    hold_s: float = HOLD_S,
    blind: int | None = None,
    doubles: bool = False,
    front: Place | None = None,
) -> Screen | None:
    """Claim up to `limit` images for a reviewer, in product mode as many stacks; None if nothing waits.

    A stack is a product with all its images, or near-identical pictures of one category. What lies before `front` is
    claimed only where too little lies behind it.

    No image is in two claims that last. Up to `blind` images are ones that are shown without a suggestion, and more
    where nothing else waits; None for none of them. With `doubles` some that somebody else has decided are among them.
    """
    dialect, what = dialect_of(session), sought(session, filters)
    held = {"user_id": user_id, "mode": mode, "filters": asdict(filters)}
    screen_id, expires_at = session.execute(statements.opening(dialect, hold_s), held).one()
    values = {"reader": user_id, "on_screen": screen_id}
    hidden = statements.claiming_blind(what, hold_s, doubles=doubles)
    blind_ids = _take(session, hidden, values, min(blind or 0, limit))
    alike: dict[int, int] = {}
    if mode == "product":
        ids, alike = _claim_stacks(session, what, values, limit, hold_s, front)
    else:
        ids = _take_from(session, what, values, limit - len(blind_ids), hold_s, front)
    if blind is not None:
        blind_ids += _take(session, hidden, values, limit - len(ids) - len(blind_ids))
    if not ids and not blind_ids:
        session.execute(delete(ReviewScreen).where(ReviewScreen.id == screen_id))
        return None
    return Screen(screen_id, expires_at, items(session, [*ids, *blind_ids]), frozenset(blind_ids), alike)


def peek(session: Session, user_id: int, filters: Filters, limit: int, *, front: Place | None = None) -> list[Item]:
    """Read what a reviewer would be given next, without claiming it."""
    what = sought(session, filters)
    found = _peek(session, replace(what, goes_on=True), user_id, limit, _from(front)) if front else []
    return found if len(found) == limit else _peek(session, what, user_id, limit)


def blind_wait(session: Session, user_id: int, filters: Filters, *, doubles: bool) -> bool:
    """Tell whether a reviewer could be given something without a suggestion."""
    free = walks.blind(sought(session, filters))
    if free is None:
        return False
    return session.execute(blinds.wait(free, READER, doubles=doubles), {"reader": user_id}).scalar_one()


def extend(session: Session, screen_id: int, user_id: int, *, hold_s: float = HOLD_S) -> datetime:
    """Hold a screen for longer, from now on; what others have claimed by now stays theirs. Raises NoSuchScreen."""
    mine = ReviewScreen.id == screen_id, ReviewScreen.user_id == user_id
    until = sql_now(session, hold_s)
    longer = update(ReviewScreen).where(*mine).values(expires_at=until).returning(ReviewScreen.expires_at)
    expires_at = session.execute(longer).scalar_one_or_none()
    if expires_at is None:
        raise _no_such(screen_id)
    session.execute(update(ReviewClaim).where(ReviewClaim.screen_id == screen_id).values(expires_at=until))
    return expires_at


def release(session: Session, screen_id: int, user_id: int) -> int:
    """Give back what is still claimed of a screen; returns how many images. Raises NoSuchScreen."""
    find(session, screen_id, user_id)
    given_back = delete(ReviewClaim).where(ReviewClaim.screen_id == screen_id).returning(ReviewClaim.object_id)
    session.execute(update(ReviewScreen).where(ReviewScreen.id == screen_id).values(expires_at=sql_now(session)))
    return len(session.execute(given_back).all())


def find(session: Session, screen_id: int, user_id: int) -> ReviewScreen:
    """Return a reviewer's own screen. Raises NoSuchScreen."""
    mine = select(ReviewScreen).where(ReviewScreen.id == screen_id, ReviewScreen.user_id == user_id)
    screen = session.execute(mine).scalar_one_or_none()
    if screen is None:
        raise _no_such(screen_id)
    return screen


def items(session: Session, object_ids: Sequence[int]) -> list[Item]:
    """Read images with their tags and the scores of their last classification, the least certain first."""
    return [Item(*row) for row in session.execute(statements.describing(), {"ids": object_ids})]


def waiting(session: Session) -> Sequence[Row[str, str | None, int, float]]:
    """Count what waits by category and reason, but for audits, with the mean confidence in 1e-4. Walks all of it."""
    tag = ImageTag
    statement = (
        select(tag.category, tag.review_reason, func.count().label("images"), func.avg(tag.confidence).label("mean"))
        .where(tag.needs_review, tag.review_reason.is_distinct_from(AUDIT))
        .group_by(tag.category, tag.review_reason)
        .order_by(func.count().desc(), tag.category)
    )
    return session.execute(statement).all()


def _peek(
    session: Session, what: Sought, user_id: int, limit: int, begin: Mapping[str, Any] = MappingProxyType({})
) -> list[Item]:
    ids = session.execute(statements.looking(what), {"reader": user_id, "at_most": limit, **begin}).scalars().all()
    return items(session, ids)


def _from(front: Place) -> dict[str, Any]:
    return {"from_confidence": front.confidence, "from_object": front.object_id, "from_key": front.key}


def _take_from(
    session: Session, what: Sought, values: Mapping[str, Any], at_most: int, hold_s: float, front: Place | None
) -> list[int]:
    """Claim what lies behind a front, and what lies before it where that is too little."""
    ids: list[int] = []
    if front is not None:
        behind = statements.claiming(replace(what, goes_on=True), walks.pick, hold_s)
        ids = _take(session, behind, {**values, **_from(front)}, at_most)
    return ids + _take(session, statements.claiming(what, walks.pick, hold_s), values, at_most - len(ids))


def _take(session: Session, statement: Insert | None, values: Mapping[str, Any], at_most: int) -> list[int]:
    """Claim up to so many; returns the images."""
    if statement is None or at_most <= 0:
        return []
    return list(session.execute(statement, {**values, "at_most": at_most}).scalars())


def _claim_stacks(
    session: Session, what: Sought, values: Mapping[str, Any], limit: int, hold_s: float, front: Place | None
) -> tuple[list[int], dict[int, int]]:
    """Claim near-identical pictures for up to half of the cells, or for all if no product waits, and products.

    Returns the images, and which one each of the near-identical ones is like.
    """
    found = stacks.of(_peek(session, what, values["reader"], stacks.WINDOW))
    alike: dict[int, int] = {}

    def take(some: Sequence[Sequence[int]]) -> list[int]:
        alike.update({image: stack[0] for stack in some for image in stack})
        images = [image for stack in some for image in stack]
        return _take(session, statements.claiming(what, walks.these, hold_s), {**values, "images": images}, len(images))

    ids, left = take(found[: limit // 2]), limit - len(found[: limit // 2])
    products: list[int] = []
    if front is not None:
        behind = statements.claiming(replace(what, goes_on=True), walks.products, hold_s)
        products = _take(session, behind, {**values, **_from(front)}, left)
    products = products or _take(session, statements.claiming(what, walks.products, hold_s), values, left)
    ids += products or take(found[limit // 2 : limit])
    return ids, alike


def _no_such(screen_id: int) -> NoSuchScreen:
    return NoSuchScreen(f"you have no screen {screen_id}; ask for a new one")
