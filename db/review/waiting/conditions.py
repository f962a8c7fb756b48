"""Conditions of what a reviewer may be given, and of the filters."""

from sqlalchemy import ColumnElement, Dialect, ScalarSelect, and_, exists, literal, select

from db import actors
from db.keys import prefix_end, under
from db.review.filters import READER, Sought
from db.review.truth.blind import is_for_others
from db.schema import Decision, ImageTag, Plan, PlanChange, ReviewClaim, SourceObject, TagEvent
from db.schema.columns import KEY_HEAD_CHARS, key_head
from db.session import is_sqlite, sql_now

SKIPPED_S = 86_400.0
"""How long an image that a reviewer skipped is not given to him again."""
_DAY_S, _WEEK_S = 86_400.0, 7 * 86_400.0


def free(dialect: Dialect) -> list[ColumnElement[bool]]:
    """Match images that are there, on nobody's screen, not skipped by this reviewer of late, and with a suggestion."""
    return [*free_or_blind(dialect), ~is_for_others()]


def free_or_blind(dialect: Dialect) -> list[ColumnElement[bool]]:
    image = ImageTag.object_id
    claimed = _probed(ReviewClaim.object_id == image, ReviewClaim.expires_at > sql_now(dialect))
    skipped = _probed(
        Decision.object_id == image,
        (Decision.user_id == READER).is_(True),  # which no index answers: that of users has a day's work for each image
        Decision.outcome == "skip",
        Decision.undone_at.is_(None),
        Decision.decided_at > sql_now(dialect, -SKIPPED_S),
    )
    return [SourceObject.gone_at.is_(None), ~claimed, ~skipped]


def _probed(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Match what has such a row, which an index is asked for each image that the walk comes to.

    The OFFSET keeps PostgreSQL from making a join of it: it takes nearly all claims to have ended, and would compare
    every image with every claim.
    """
    return select(literal(1)).where(*conditions).offset(0).exists()


def of_filters(what: Sought) -> list[ColumnElement[bool]]:
    """Match what the filters mean."""
    tag, filters = ImageTag, what.filters
    is_any = filters.unflagged or filters.plan is not None
    conditions: list[ColumnElement[bool]] = [tag.source == "model" if is_any else and_(tag.needs_review)]
    if filters.category is not None:
        conditions.append((PlanChange.becomes if filters.plan else tag.category) == filters.category)
    elif filters.among is not None:
        conditions.append(tag.category.in_(filters.among))
    if filters.reason is not None:
        conditions.append(tag.review_reason == filters.reason)
    if filters.prefix is not None:
        conditions.append(below(what, filters.prefix))
    if filters.product is not None:
        conditions.append(SourceObject.product_id == filters.product)
    if filters.age is not None:
        conditions.append(_of_age(what.dialect, filters.age))
    if filters.run is not None and not filters.unflagged:
        conditions.append(exists().where(written_by(filters.run)))
    return conditions


def below(what: Sought, prefix: str) -> ColumnElement[bool]:
    """Match keys that begin with a prefix, in whatever bucket: the index of keys begins with the bucket.

    Heads of keys tell it alone, unless the prefix is longer; with the keys besides, PostgreSQL would expect the square
    of their share, and take any other way for longer.
    """
    head, end = key_head(SourceObject.key), prefix_end(prefix)
    of_key = [under(prefix)]
    if not is_sqlite(what.dialect) and end is not None and len(prefix) <= KEY_HEAD_CHARS:
        of_key = [head >= prefix, head < end]
    where = SourceObject.bucket
    return and_(where == what.buckets[0] if len(what.buckets) == 1 else where.in_(what.buckets), *of_key)


def plan(code: str) -> ScalarSelect[int]:
    """Select the id of a plan."""
    return select(Plan.id).where(Plan.code == code).scalar_subquery()


def written_by(run: int) -> ColumnElement[bool]:
    """Match the event with which a run wrote a tag as it is now."""
    event = TagEvent
    return and_(event.object_id == ImageTag.object_id, event.seq == ImageTag.version, event.actor == actors.of_run(run))


def _of_age(dialect: Dialect, age: str) -> ColumnElement[bool]:
    tagged_at = ImageTag.tagged_at
    if age == "older":
        return tagged_at <= sql_now(dialect, -_WEEK_S)
    return tagged_at > sql_now(dialect, -(_DAY_S if age == "day" else _WEEK_S))
