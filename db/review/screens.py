"""Screens: images that wait for review, claimed for one reviewer in one statement, for ten minutes at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import Row, Select, delete, func, insert, literal, select, true, update
from sqlalchemy.orm import Session, aliased

from db import CatalogueError
from db.review import filters as chosen
from db.review.filters import Filters, pick
from db.review.items import Item
from db.review.similar import stacks
from db.review.truth import blind as blinds
from db.review.truth.audit import AUDIT
from db.schema import Classification, ImageTag, ReviewClaim, ReviewScreen, SourceObject
from db.schema.columns import table_of
from db.session import sql_now, upsert

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
) -> Screen | None:
    """Claim up to `limit` images for a reviewer, in product mode as many stacks; None if nothing waits.

    A stack is a product with all its images, or near-identical pictures of one category.

    No image is in two claims that last. Up to `blind` images are ones that are shown without a suggestion, and more
    where nothing else waits; None for none of them. With `doubles` some that somebody else has decided are among them.
    """
    held = {"user_id": user_id, "mode": mode, "filters": asdict(filters), "created_at": sql_now(session)}
    row = held | {"expires_at": sql_now(session, hold_s)}
    opened = insert(ReviewScreen).values(row).returning(ReviewScreen.id, ReviewScreen.expires_at)
    screen_id, expires_at = session.execute(opened).one()
    hidden = _claim_blind(session, screen_id, user_id, filters, min(blind or 0, limit), hold_s, doubles)
    ids: list[int] = []
    alike: dict[int, int] = {}
    if mode == "product":
        ids, alike = _claim_stacks(session, screen_id, user_id, filters, limit, hold_s)
    elif len(hidden) < limit:
        ids = _claim(session, screen_id, pick(session, user_id, filters, limit - len(hidden)), hold_s)
    if blind is not None:
        left = limit - len(ids) - len(hidden)
        hidden += _claim_blind(session, screen_id, user_id, filters, left, hold_s, doubles)
    if not ids and not hidden:
        session.execute(delete(ReviewScreen).where(ReviewScreen.id == screen_id))
        return None
    return Screen(screen_id, expires_at, items(session, [*ids, *hidden]), frozenset(hidden), alike)


def peek(session: Session, user_id: int, filters: Filters, limit: int) -> list[Item]:
    """Read what a reviewer would be given next, without claiming it."""
    return items(session, chosen.peek(session, user_id, filters, limit))


def blind_wait(session: Session, user_id: int, filters: Filters, *, doubles: bool) -> bool:
    """Tell whether a reviewer could be given something without a suggestion."""
    picks = blinds.picks(user_id, chosen.blind(session, user_id, filters), 1, doubles=doubles)
    return any(session.execute(pick).first() for pick in picks)


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
    tag, image = ImageTag, SourceObject
    made = aliased(Classification)
    last = select(func.max(made.id)).where(made.object_id == tag.object_id).correlate(tag).scalar_subquery()
    statement = (
        select(
            *(image.id.label("object_id"), image.bucket, image.key, image.version_token, image.product_id),
            *(tag.version, tag.category, tag.confidence, tag.review_reason),
            *(Classification.model_version_id, Classification.scores, Classification.ood_score),
            Classification.fingerprint,
        )
        .join(tag, tag.object_id == image.id)
        .outerjoin(Classification, Classification.id == last)
        .where(image.id.in_(object_ids))
        .order_by(tag.confidence, image.id)
    )
    return [Item(**row) for row in session.execute(statement).mappings()]


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


def _claim_blind(
    session: Session, screen_id: int, user_id: int, filters: Filters, limit: int, hold_s: float, doubles: bool
) -> list[int]:
    """Claim what colleagues are asked, then what is audited, as far as it may be among what the filters mean."""
    ids: list[int] = []
    for pick_some in blinds.picks(user_id, chosen.blind(session, user_id, filters), limit, doubles=doubles):
        if len(ids) < limit:
            locked = pick_some.limit(limit - len(ids)).with_for_update(of=ImageTag, key_share=True, skip_locked=True)
            ids += _claim(session, screen_id, locked, hold_s)
    return ids


def _claim_stacks(
    session: Session, screen_id: int, user_id: int, filters: Filters, limit: int, hold_s: float
) -> tuple[list[int], dict[int, int]]:
    """Claim near-identical pictures for up to half of the cells, or for all if no product waits, and products.

    Returns the images, and which one each of the near-identical ones is like.
    """
    found = stacks.of(items(session, chosen.peek(session, user_id, filters, stacks.WINDOW)))
    alike: dict[int, int] = {}

    def take(some: Sequence[Sequence[int]]) -> list[int]:
        alike.update({image: stack[0] for stack in some for image in stack})
        images = [image for stack in some for image in stack]
        return _claim(session, screen_id, chosen.these(session, user_id, filters, images), hold_s) if images else []

    ids, left = take(found[: limit // 2]), limit - len(found[: limit // 2])
    products = pick(session, user_id, filters, left, whole_products=True)
    ids += _claim(session, screen_id, products, hold_s) or take(found[limit // 2 : limit])
    return ids, alike


def _claim(session: Session, screen_id: int, picked_rows: Select[int], hold_s: float) -> list[int]:
    """Claim in one statement. Who comes second to a row finds it locked, or its claim in the way: both are skipped."""
    picked = picked_rows.cte("pick")
    claims = table_of(ReviewClaim)
    rows = select(picked.c.object_id, literal(screen_id), sql_now(session, hold_s)).where(true())
    statement = upsert(session, claims).from_select(["object_id", "screen_id", "expires_at"], rows)
    ours = {name: statement.excluded[name] for name in ("screen_id", "expires_at")}
    is_over = claims.c.expires_at <= sql_now(session)
    claimed = statement.on_conflict_do_update(index_elements=[claims.c.object_id], set_=ours, where=is_over)
    return list(session.execute(claimed.returning(claims.c.object_id)).scalars())


def _no_such(screen_id: int) -> NoSuchScreen:
    return NoSuchScreen(f"you have no screen {screen_id}; ask for a new one")
