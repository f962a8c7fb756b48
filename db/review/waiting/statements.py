"""The statements of screens, each built once: to build one takes longer than to run it, and filters come again."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Dialect, Insert, Select, bindparam, func, insert, select, true
from sqlalchemy.orm import aliased

from db.review.filters import AT_MOST, READER, Sought
from db.review.truth import blind as blinds
from db.review.waiting import walks
from db.schema import Classification, ImageTag, ReviewClaim, ReviewScreen, SourceObject
from db.schema.columns import table_of
from db.session import sql_now, upsert

_KEPT = 256


@lru_cache(_KEPT)
def opening(dialect: Dialect, hold_s: float) -> Insert:
    """Open a screen."""
    screen, times = table_of(ReviewScreen), {"created_at": sql_now(dialect), "expires_at": sql_now(dialect, hold_s)}
    return insert(screen).values(times).returning(screen.c.id, screen.c.expires_at)


@lru_cache(_KEPT)
def claiming(what: Sought, pick: Callable[[Sought], Select[int]], hold_s: float) -> Insert:
    """Claim what a walk picks."""
    return _claim(what.dialect, pick(what), hold_s)


@lru_cache(_KEPT)
def claiming_blind(what: Sought, hold_s: float, *, doubles: bool) -> Insert | None:
    """Claim what colleagues are asked, then what is audited, as far as it may be among what the filters mean."""
    free = walks.blind(what)
    if free is None:
        return None
    return _claim(what.dialect, blinds.pick(free, AT_MOST, READER, doubles=doubles), hold_s)


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
def looking(what: Sought) -> Select[int] | Select[int, int]:
    """Look at what would be claimed."""
    return walks.look(what)


@cache
def describing() -> Select[*tuple[Any, ...]]:
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
