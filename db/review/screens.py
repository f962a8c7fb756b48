"""Screens: images that wait for review, claimed for one reviewer in one statement, for ten minutes at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Dialect, Insert, Row, Select, bindparam, delete, func, insert, select, true, update
from sqlalchemy.orm import Session, aliased

from db import CatalogueError
from db.review import filters as chosen
from db.review.filters import Filters, Sought
from db.review.items import Item
from db.review.similar import stacks
from db.review.truth import blind as blinds
from db.review.truth.audit import AUDIT
from db.schema import Classification, ImageTag, ReviewClaim, ReviewScreen, SourceObject
from db.schema.columns import table_of
from db.session import dialect_of, sql_now, upsert

HOLD_S = 600.0
"""How long a screen is held for its reviewer, unless it is extended."""
_KEPT = 256
"""Statements that are kept: to build one takes longer than to run it, and reviewers go on with their filters."""


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
) -> Screen | None:
    """Claim up to `limit` images for a reviewer, in product mode as many stacks; None if nothing waits.

    A stack is a product with all its images, or near-identical pictures of one category.

    No image is in two claims that last. Up to `blind` images are ones that are shown without a suggestion, and more
    where nothing else waits; None for none of them. With `doubles` some that somebody else has decided are among them.
    """
    dialect, what = dialect_of(session), chosen.sought(session, filters)
    held = {"user_id": user_id, "mode": mode, "filters": asdict(filters)}
    screen_id, expires_at = session.execute(_opening(dialect, hold_s), held).one()
    values = {"reader": user_id, "on_screen": screen_id}
    hidden = _claiming_blind(what, hold_s, doubles=doubles)
    blind_ids = _take(session, hidden, values, min(blind or 0, limit))
    alike: dict[int, int] = {}
    if mode == "product":
        ids, alike = _claim_stacks(session, what, values, limit, hold_s)
    else:
        ids = _take(session, _claiming(what, chosen.pick, hold_s), values, limit - len(blind_ids))
    if blind is not None:
        blind_ids += _take(session, hidden, values, limit - len(ids) - len(blind_ids))
    if not ids and not blind_ids:
        session.execute(delete(ReviewScreen).where(ReviewScreen.id == screen_id))
        return None
    return Screen(screen_id, expires_at, items(session, [*ids, *blind_ids]), frozenset(blind_ids), alike)


def peek(session: Session, user_id: int, filters: Filters, limit: int) -> list[Item]:
    """Read what a reviewer would be given next, without claiming it."""
    return _peek(session, chosen.sought(session, filters), user_id, limit)


def blind_wait(session: Session, user_id: int, filters: Filters, *, doubles: bool) -> bool:
    """Tell whether a reviewer could be given something without a suggestion."""
    free = chosen.blind(chosen.sought(session, filters))
    if free is None:
        return False
    return session.execute(blinds.wait(free, chosen.READER, doubles=doubles), {"reader": user_id}).scalar_one()


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
    return [Item(*row) for row in session.execute(_describing(), {"ids": object_ids})]


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


def _peek(session: Session, what: Sought, user_id: int, limit: int) -> list[Item]:
    ids = session.execute(_looking(what), {"reader": user_id, "at_most": limit}).scalars().all()
    return items(session, ids)


def _take(session: Session, statement: Insert | None, values: Mapping[str, Any], at_most: int) -> list[int]:
    """Claim up to so many; returns the images."""
    if statement is None or at_most <= 0:
        return []
    return list(session.execute(statement, {**values, "at_most": at_most}).scalars())


def _claim_stacks(
    session: Session, what: Sought, values: Mapping[str, Any], limit: int, hold_s: float
) -> tuple[list[int], dict[int, int]]:
    """Claim near-identical pictures for up to half of the cells, or for all if no product waits, and products.

    Returns the images, and which one each of the near-identical ones is like.
    """
    found = stacks.of(_peek(session, what, values["reader"], stacks.WINDOW))
    alike: dict[int, int] = {}

    def take(some: Sequence[Sequence[int]]) -> list[int]:
        alike.update({image: stack[0] for stack in some for image in stack})
        images = [image for stack in some for image in stack]
        return _take(session, _claiming(what, chosen.these, hold_s), {**values, "images": images}, len(images))

    ids, left = take(found[: limit // 2]), limit - len(found[: limit // 2])
    products = _take(session, _claiming(what, chosen.products, hold_s), values, left)
    ids += products or take(found[limit // 2 : limit])
    return ids, alike


@lru_cache(_KEPT)
def _opening(dialect: Dialect, hold_s: float) -> Insert:
    screen, times = table_of(ReviewScreen), {"created_at": sql_now(dialect), "expires_at": sql_now(dialect, hold_s)}
    return insert(screen).values(times).returning(screen.c.id, screen.c.expires_at)


@lru_cache(_KEPT)
def _claiming(what: Sought, pick: Callable[[Sought], Select[int]], hold_s: float) -> Insert:
    return _claim(what.dialect, pick(what), hold_s)


@lru_cache(_KEPT)
def _claiming_blind(what: Sought, hold_s: float, *, doubles: bool) -> Insert | None:
    """Claim what colleagues are asked, then what is audited, as far as it may be among what the filters mean."""
    free = chosen.blind(what)
    if free is None:
        return None
    return _claim(what.dialect, blinds.pick(free, chosen.AT_MOST, chosen.READER, doubles=doubles), hold_s)


def _claim(dialect: Dialect, picked_rows: Select[int], hold_s: float) -> Insert:
    """Claim in one statement. Who comes second to a row finds it locked, or its claim in the way: both are skipped."""
    picked = picked_rows.cte("pick")
    claims = table_of(ReviewClaim)
    screen_id = bindparam("on_screen", type_=claims.c.screen_id.type)
    rows = select(picked.c.object_id, screen_id, sql_now(dialect, hold_s)).where(true())
    statement = upsert(dialect, claims).from_select(["object_id", "screen_id", "expires_at"], rows)
    ours = {name: statement.excluded[name] for name in ("screen_id", "expires_at")}
    is_over = claims.c.expires_at <= sql_now(dialect)
    claimed = statement.on_conflict_do_update(index_elements=[claims.c.object_id], set_=ours, where=is_over)
    return claimed.returning(claims.c.object_id)


@lru_cache(_KEPT)
def _looking(what: Sought) -> Select[int] | Select[int, int]:
    return chosen.look(what)


@cache
def _describing() -> Select[*tuple[Any, ...]]:
    """Select what an Item has, in its order."""
    tag, image, made = ImageTag, SourceObject, aliased(Classification)
    last = select(func.max(made.id)).where(made.object_id == tag.object_id).correlate(tag).scalar_subquery()
    return (
        select(
            *(image.id, image.bucket, image.key, image.version_token, image.product_id),
            *(tag.version, tag.category, tag.confidence, tag.review_reason),
            *(Classification.model_version_id, Classification.scores, Classification.ood_score),
            Classification.fingerprint,
        )
        .join(tag, tag.object_id == image.id)
        .outerjoin(Classification, Classification.id == last)
        .where(image.id.in_(bindparam("ids", expanding=True)))
        .order_by(tag.confidence, image.id)
    )


def _no_such(screen_id: int) -> NoSuchScreen:
    return NoSuchScreen(f"you have no screen {screen_id}; ask for a new one")
