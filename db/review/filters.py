"""Filters: which images a reviewer wants to see, as walks of indexes that end at the size of a screen."""

from dataclasses import dataclass, replace

from sqlalchemy import (
    CTE,
    ColumnElement,
    Dialect,
    Integer,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    exists,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from db import actors
from db.keys import under
from db.objects import buckets
from db.review.truth.audit import AUDIT
from db.review.truth.blind import is_for_others
from db.schema import Decision, ImageTag, Plan, PlanChange, ReviewClaim, SourceObject, TagEvent
from db.schema.columns import Id
from db.session import dialect_of, sql_now

SKIPPED_S = 86_400.0
"""How long an image that a reviewer skipped is not given to him again."""
AGES = ("day", "week", "older")
"""Tagged within the last day, within the last week, or before that."""
MOST_OF_PRODUCTS = 480
_DAY_S, _WEEK_S = 86_400.0, 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reviewer wants to see; None leaves a part open. `run` means images whose tag that run has written.

    `pair` means either of two categories; with `unflagged`, what needs no review is meant too. `plan` means the images
    that a plan would change, and `category` then what they would become. `among` narrows an open category to
    some.
    """

    category: str | None = None
    reason: str | None = None
    prefix: str | None = None
    run: int | None = None
    product: str | None = None
    age: str | None = None
    pair: tuple[str, str] | None = None
    unflagged: bool = False
    plan: str | None = None
    among: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sought:
    """Filters with what else their statements depend on, so that each is built once.

    They run with the id of the reviewer as `reader`, and with the size of the screen as `at_most`.
    """

    dialect: Dialect
    filters: Filters
    buckets: tuple[str, ...] = ()


READER, AT_MOST = bindparam("reader", type_=Id), bindparam("at_most", type_=Integer())


def sought(session: Session, filters: Filters) -> Sought:
    """Read what the statements of filters depend on: keys are looked for in each bucket."""
    return Sought(dialect_of(session), filters, tuple(buckets(session)) if filters.prefix is not None else ())


def pick(what: Sought) -> Select[int]:
    """Select and lock images that nobody has on a screen, the least certain first."""
    several = _several(what.filters)
    if several is None:
        return _locked(_walk(what)).with_only_columns(ImageTag.object_id)
    walks = [
        _locked(_walk(replace(what, filters=replace(what.filters, pair=None, among=None, category=category)))).cte(
            f"walk_{place}"
        )
        for place, category in enumerate(several or ("",))
    ]
    both = union_all(*(select(walk.c.object_id, walk.c.confidence) for walk in walks)).subquery()
    return select(both.c.object_id).order_by(both.c.confidence, both.c.object_id).limit(AT_MOST)


def products(what: Sought) -> Select[int]:
    """Select and lock all of up to `at_most` products that no person has tagged, those of the least certain first."""
    tag, image = ImageTag, SourceObject
    leads = _leads(what)
    of_lead = exists().where(leads.c.bucket == image.bucket, leads.c.product_id == image.product_id)
    named = image.product_id.in_(select(leads.c.product_id))  # walks the index of products
    members = select(tag.object_id).join(image, image.id == tag.object_id)
    free = members.where(named, of_lead, tag.source == "model", *_free(what.dialect))
    chosen = free.order_by(image.product_id, tag.object_id).limit(MOST_OF_PRODUCTS)
    return chosen.with_for_update(of=tag, key_share=True, skip_locked=True)


def look(what: Sought) -> Select[int] | Select[int, int]:
    """Select the images that `pick` would, without taking them from anybody if that can be."""
    return _walk(what) if _several(what.filters) is None else pick(what)


def these(what: Sought) -> Select[int]:
    """Select and lock what a reviewer may still be given of `images`, which were looked at."""
    walk = _walk(what).where(ImageTag.object_id.in_(bindparam("images", expanding=True)))
    return _locked(walk).with_only_columns(ImageTag.object_id)


def blind(what: Sought) -> list[ColumnElement[bool]] | None:
    """Match what may be shown without a suggestion; None where the filters would tell what the model has said."""
    filters = what.filters
    if replace(filters, prefix=None, reason=None, among=None) != Filters() or filters.reason not in (None, AUDIT):
        return None
    keys = [] if filters.prefix is None else [_under(what, filters.prefix)]
    return [*_free_or_blind(what.dialect), *keys]


def _several(filters: Filters) -> tuple[str, ...] | None:
    """Return the categories of which each has a walk of its own."""
    return filters.pair or (filters.among if filters.category is None else None)


def _walk(what: Sought) -> Select[int, int]:
    """Select images in the order of an index of tags, or of the events of a run."""
    tag, image, filters = ImageTag, SourceObject, what.filters
    statement = select(tag.object_id, tag.confidence).join(image, image.id == tag.object_id)
    if filters.plan is not None:
        change = PlanChange
        statement = statement.join(change, and_(change.object_id == tag.object_id, change.before == tag.category))
        statement = statement.where(change.plan_id == _plan(filters.plan))
        statement = statement.order_by(change.becomes, change.confidence, change.object_id)
    elif filters.unflagged and filters.run is not None:
        statement = statement.join(TagEvent, _written_by(filters.run)).order_by(TagEvent.id)
    elif filters.unflagged and filters.category is not None:
        statement = statement.order_by(tag.object_id)
    else:
        statement = statement.order_by(tag.confidence, tag.object_id)
    return statement.where(*_free(what.dialect), *_matches(what)).limit(AT_MOST)


def _locked(statement: Select[int, int]) -> Select[int, int]:
    return statement.with_for_update(of=ImageTag, key_share=True, skip_locked=True)


def _leads(what: Sought) -> CTE:
    """Return the products of the least certain images that have one."""
    image = SourceObject
    walk = _walk(what).add_columns(image.bucket, image.product_id)
    return _locked(walk.where(image.product_id.is_not(None))).cte("leads")


def _free(dialect: Dialect) -> list[ColumnElement[bool]]:
    """Match images that are there, on nobody's screen, not skipped by this reviewer of late, and with a suggestion."""
    return [*_free_or_blind(dialect), ~is_for_others()]


def _free_or_blind(dialect: Dialect) -> list[ColumnElement[bool]]:
    image = ImageTag.object_id
    claimed = _probed(ReviewClaim.object_id == image, ReviewClaim.expires_at > sql_now(dialect))
    skipped = _probed(
        Decision.object_id == image,
        Decision.user_id == READER,
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


def _matches(what: Sought) -> list[ColumnElement[bool]]:
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
        conditions.append(_under(what, filters.prefix))
    if filters.product is not None:
        conditions.append(SourceObject.product_id == filters.product)
    if filters.age is not None:
        conditions.append(_of_age(what.dialect, filters.age))
    if filters.run is not None and not filters.unflagged:
        conditions.append(exists().where(_written_by(filters.run)))
    return conditions


def _under(what: Sought, prefix: str) -> ColumnElement[bool]:
    """Match keys that begin with a prefix, in whatever bucket: the index of keys begins with the bucket."""
    return and_(SourceObject.bucket.in_(what.buckets), under(prefix))


def _plan(code: str) -> ScalarSelect[int]:
    return select(Plan.id).where(Plan.code == code).scalar_subquery()


def _written_by(run: int) -> ColumnElement[bool]:
    event = TagEvent
    return and_(event.object_id == ImageTag.object_id, event.seq == ImageTag.version, event.actor == actors.of_run(run))


def _of_age(dialect: Dialect, age: str) -> ColumnElement[bool]:
    tagged_at = ImageTag.tagged_at
    if age == "older":
        return tagged_at <= sql_now(dialect, -_WEEK_S)
    return tagged_at > sql_now(dialect, -(_DAY_S if age == "day" else _WEEK_S))
