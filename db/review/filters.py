"""Filters: which images a reviewer wants to see, as walks of indexes that end at the size of a screen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import CTE, ColumnElement, ScalarSelect, Select, and_, exists, select, union_all
from sqlalchemy.orm import Session

from db import actors
from db.keys import under
from db.objects import buckets
from db.review.truth.audit import AUDIT
from db.review.truth.blind import is_for_others
from db.schema import Decision, ImageTag, Plan, PlanChange, ReviewClaim, SourceObject, TagEvent
from db.session import sql_now

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


def pick(session: Session, user_id: int, filters: Filters, limit: int, *, whole_products: bool = False) -> Select[int]:
    """Select and lock images that nobody has on a screen, the least certain first.

    With `whole_products`, `limit` is a number of products, of each of which all is picked that no person has tagged.
    """
    if whole_products:
        return _of_products(session, user_id, filters, limit)
    several = filters.pair or (filters.among if filters.category is None else None)
    if several is None:
        return _locked(_walk(session, user_id, filters, limit)).with_only_columns(ImageTag.object_id)
    walks = [
        _locked(_walk(session, user_id, replace(filters, pair=None, among=None, category=category), limit)).cte(
            f"walk_{place}"
        )
        for place, category in enumerate(several or ("",))
    ]
    both = union_all(*(select(walk.c.object_id, walk.c.confidence) for walk in walks)).subquery()
    return select(both.c.object_id).order_by(both.c.confidence, both.c.object_id).limit(limit)


def peek(session: Session, user_id: int, filters: Filters, limit: int) -> Sequence[int]:
    """Return the ids of what a reviewer would be given next, without taking it from anybody."""
    if filters.pair is None and (filters.among is None or filters.category is not None):
        return session.execute(_walk(session, user_id, filters, limit)).scalars().all()
    return session.execute(pick(session, user_id, filters, limit)).scalars().all()


def these(session: Session, user_id: int, filters: Filters, object_ids: Sequence[int]) -> Select[int]:
    """Select and lock what a reviewer may still be given of images that were peeked at."""
    walk = _walk(session, user_id, filters, len(object_ids)).where(ImageTag.object_id.in_(object_ids))
    return _locked(walk).with_only_columns(ImageTag.object_id)


def blind(session: Session, user_id: int, filters: Filters) -> list[ColumnElement[bool]] | None:
    """Match what may be shown without a suggestion; None where the filters would tell what the model has said."""
    if replace(filters, prefix=None, reason=None, among=None) != Filters() or filters.reason not in (None, AUDIT):
        return None
    keys = [] if filters.prefix is None else [_under(session, filters.prefix)]
    return [*_free_or_blind(session, user_id), *keys]


def _walk(session: Session, user_id: int, filters: Filters, limit: int) -> Select[int, int]:
    """Select images in the order of an index of tags, or of the events of a run."""
    tag, image = ImageTag, SourceObject
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
    return statement.where(*_free(session, user_id), *_matches(session, filters)).limit(limit)


def _locked(statement: Select[int, int]) -> Select[int, int]:
    return statement.with_for_update(of=ImageTag, key_share=True, skip_locked=True)


def _of_products(session: Session, user_id: int, filters: Filters, limit: int) -> Select[int]:
    tag, image = ImageTag, SourceObject
    leads = _leads(session, user_id, filters, limit)
    of_lead = exists().where(leads.c.bucket == image.bucket, leads.c.product_id == image.product_id)
    named = image.product_id.in_(select(leads.c.product_id))  # walks the index of products
    members = select(tag.object_id).join(image, image.id == tag.object_id)
    free = members.where(named, of_lead, tag.source == "model", *_free(session, user_id))
    chosen = free.order_by(image.product_id, tag.object_id).limit(MOST_OF_PRODUCTS)
    return chosen.with_for_update(of=tag, key_share=True, skip_locked=True)


def _leads(session: Session, user_id: int, filters: Filters, limit: int) -> CTE:
    """Return the products of the least certain images that have one."""
    image = SourceObject
    walk = _walk(session, user_id, filters, limit).add_columns(image.bucket, image.product_id)
    return _locked(walk.where(image.product_id.is_not(None))).cte("leads")


def _free(session: Session, user_id: int) -> list[ColumnElement[bool]]:
    """Match images that are there, on nobody's screen, not skipped by this reviewer of late, and with a suggestion."""
    return [*_free_or_blind(session, user_id), ~is_for_others()]


def _free_or_blind(session: Session, user_id: int) -> list[ColumnElement[bool]]:
    tag = ImageTag
    claimed = exists().where(ReviewClaim.object_id == tag.object_id, ReviewClaim.expires_at > sql_now(session))
    skipped = exists().where(
        Decision.object_id == tag.object_id,
        Decision.user_id == user_id,
        Decision.outcome == "skip",
        Decision.undone_at.is_(None),
        Decision.decided_at > sql_now(session, -SKIPPED_S),
    )
    return [SourceObject.gone_at.is_(None), ~claimed, ~skipped]


def _matches(session: Session, filters: Filters) -> list[ColumnElement[bool]]:
    tag = ImageTag
    is_any = filters.unflagged or filters.plan is not None
    conditions: list[ColumnElement[bool]] = [tag.source == "model" if is_any else and_(tag.needs_review)]
    if filters.category is not None:
        conditions.append((PlanChange.becomes if filters.plan else tag.category) == filters.category)
    elif filters.among is not None:
        conditions.append(tag.category.in_(filters.among))
    if filters.reason is not None:
        conditions.append(tag.review_reason == filters.reason)
    if filters.prefix is not None:
        conditions.append(_under(session, filters.prefix))
    if filters.product is not None:
        conditions.append(SourceObject.product_id == filters.product)
    if filters.age is not None:
        conditions.append(_of_age(session, filters.age))
    if filters.run is not None and not filters.unflagged:
        conditions.append(exists().where(_written_by(filters.run)))
    return conditions


def _under(session: Session, prefix: str) -> ColumnElement[bool]:
    """Match keys that begin with a prefix, in whatever bucket: the index of keys begins with the bucket."""
    return and_(SourceObject.bucket.in_([*buckets(session)]), under(prefix))


def _plan(code: str) -> ScalarSelect[int]:
    return select(Plan.id).where(Plan.code == code).scalar_subquery()


def _written_by(run: int) -> ColumnElement[bool]:
    event = TagEvent
    return and_(event.object_id == ImageTag.object_id, event.seq == ImageTag.version, event.actor == actors.of_run(run))


def _of_age(session: Session, age: str) -> ColumnElement[bool]:
    tagged_at = ImageTag.tagged_at
    if age == "older":
        return tagged_at <= sql_now(session, -_WEEK_S)
    return tagged_at > sql_now(session, -(_DAY_S if age == "day" else _WEEK_S))
