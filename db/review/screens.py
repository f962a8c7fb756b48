"""Screens: images that wait for review, claimed for one reviewer in one statement, for ten minutes at a time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, Select, delete, exists, func, insert, literal, select, true, update
from sqlalchemy.orm import Session, aliased

from db import CatalogueError, actors
from db.schema import Classification, Decision, ImageTag, ReviewClaim, ReviewScreen, SourceObject, TagEvent
from db.schema.columns import table_of
from db.session import sql_now, upsert

HOLD_S = 600.0
"""How long a screen is held for its reviewer, unless it is extended."""
SKIPPED_S = 86_400.0
"""How long an image that a reviewer skipped is not given to him again."""


class NoSuchScreen(CatalogueError):
    """No screen with that id is this reviewer's."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reviewer wants to see; None leaves a part open. `run` means images whose tag that run has written."""

    category: str | None = None
    reason: str | None = None
    prefix: str | None = None
    run: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An image on a screen. Confidence and scores in 1e-4, these in the order of the bundle's categories."""

    object_id: int
    bucket: str
    key: str
    version_token: str
    product_id: str | None
    version: int
    category: str
    confidence: int
    review_reason: str | None
    model_version_id: int | None
    scores: list[int] | None


@dataclass(frozen=True, slots=True)
class Screen:
    """A claimed screen: whose time ends at `expires_at`, with its images, the least certain first."""

    id: int
    expires_at: datetime
    items: list[Item]


def claim(
    session: Session, user_id: int, filters: Filters, *, limit: int, mode: str, hold_s: float = HOLD_S
) -> Screen | None:
    """Claim up to `limit` images for a reviewer; None if nothing waits. No image is in two claims that last."""
    held = {"user_id": user_id, "mode": mode, "filters": asdict(filters), "created_at": sql_now(session)}
    row = held | {"expires_at": sql_now(session, hold_s)}
    opened = insert(ReviewScreen).values(row).returning(ReviewScreen.id, ReviewScreen.expires_at)
    screen_id, expires_at = session.execute(opened).one()
    ids = _claim(session, screen_id, user_id, filters, limit, hold_s)
    if not ids:
        session.execute(delete(ReviewScreen).where(ReviewScreen.id == screen_id))
        return None
    return Screen(screen_id, expires_at, items(session, ids))


def first_category(session: Session, user_id: int, filters: Filters) -> str | None:
    """Return the category of what a reviewer would be given next; None if nothing waits."""
    first = _pick(session, user_id, filters, 1).cte("pick")
    return session.execute(select(ImageTag.category).join(first, first.c.object_id == ImageTag.object_id)).scalar()


def set_mode(session: Session, screen_id: int, mode: str) -> None:
    """Note in which mode a screen is shown."""
    session.execute(update(ReviewScreen).where(ReviewScreen.id == screen_id).values(mode=mode))


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
            *(Classification.model_version_id, Classification.scores),
        )
        .join(tag, tag.object_id == image.id)
        .outerjoin(Classification, Classification.id == last)
        .where(image.id.in_(object_ids))
        .order_by(tag.confidence, image.id)
    )
    return [Item(**row) for row in session.execute(statement).mappings()]


def waiting(session: Session) -> Sequence[Row[str, str | None, int, float]]:
    """Count what waits by category and reason, with the mean confidence in 1e-4. Walks all that is flagged."""
    tag = ImageTag
    statement = (
        select(tag.category, tag.review_reason, func.count().label("images"), func.avg(tag.confidence).label("mean"))
        .where(tag.needs_review)
        .group_by(tag.category, tag.review_reason)
        .order_by(func.count().desc(), tag.category)
    )
    return session.execute(statement).all()


def _claim(session: Session, screen_id: int, user_id: int, filters: Filters, limit: int, hold_s: float) -> list[int]:
    """Claim in one statement. Who comes second to a row finds it locked, or its claim in the way: both are skipped."""
    picked = _pick(session, user_id, filters, limit).cte("pick")
    claims = table_of(ReviewClaim)
    rows = select(picked.c.object_id, literal(screen_id), sql_now(session, hold_s)).where(true())
    statement = upsert(session, claims).from_select(["object_id", "screen_id", "expires_at"], rows)
    ours = {name: statement.excluded[name] for name in ("screen_id", "expires_at")}
    is_over = claims.c.expires_at <= sql_now(session)
    claimed = statement.on_conflict_do_update(index_elements=[claims.c.object_id], set_=ours, where=is_over)
    return list(session.execute(claimed.returning(claims.c.object_id)).scalars())


def _pick(session: Session, user_id: int, filters: Filters, limit: int) -> Select[int]:
    tag, image = ImageTag, SourceObject
    claimed = exists().where(ReviewClaim.object_id == tag.object_id, ReviewClaim.expires_at > sql_now(session))
    skipped = exists().where(
        Decision.object_id == tag.object_id,
        Decision.user_id == user_id,
        Decision.outcome == "skip",
        Decision.undone_at.is_(None),
        Decision.decided_at > sql_now(session, -SKIPPED_S),
    )
    return (
        select(tag.object_id)
        .join(image, image.id == tag.object_id)
        .where(tag.needs_review, image.gone_at.is_(None), ~claimed, ~skipped, *_matches(filters))
        .order_by(tag.confidence, tag.object_id)
        .limit(limit)
        .with_for_update(of=tag, key_share=True, skip_locked=True)
    )


def _matches(filters: Filters) -> list[ColumnElement[bool]]:
    tag = ImageTag
    conditions: list[ColumnElement[bool]] = []
    if filters.category is not None:
        conditions.append(tag.category == filters.category)
    if filters.reason is not None:
        conditions.append(tag.review_reason == filters.reason)
    if filters.prefix is not None:
        conditions.append(SourceObject.key.startswith(filters.prefix, autoescape=True))
    if filters.run is not None:
        written = TagEvent.object_id == tag.object_id, TagEvent.seq == tag.version
        conditions.append(exists().where(*written, TagEvent.actor == actors.of_run(filters.run)))
    return conditions


def _no_such(screen_id: int) -> NoSuchScreen:
    return NoSuchScreen(f"you have no screen {screen_id}; ask for a new one")
