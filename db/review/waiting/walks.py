"""Walks of indexes, in the order of the filters, that end at the size of a screen."""

from dataclasses import replace

from sqlalchemy import CTE, ColumnElement, Select, and_, bindparam, exists, select, tuple_, union_all

from db.keys import in_key_order
from db.review.filters import AT_MOST, Filters, Sought
from db.review.truth.audit import AUDIT
from db.review.waiting import conditions
from db.schema import ImageTag, PlanChange, SourceObject, TagEvent

MOST_OF_PRODUCTS = 480
_FROM = tuple(bindparam(name, type_=ImageTag.object_id.type) for name in ("from_confidence", "from_object"))
_FROM_KEY = bindparam("from_key", type_=SourceObject.key.type)


def pick(what: Sought) -> Select[int]:
    """Select and lock images that nobody has on a screen, the first in the order of the filters."""
    parts = _parts(what)
    if len(parts) == 1:
        return _locked(_walk(parts[0])).with_only_columns(ImageTag.object_id)
    walks = [_locked(_walk(part)).cte(f"walk_{place}") for place, part in enumerate(parts)]
    both = union_all(*(select(walk.c.object_id, walk.c.confidence) for walk in walks)).subquery()
    return select(both.c.object_id).order_by(both.c.confidence, both.c.object_id).limit(AT_MOST)


def products(what: Sought) -> Select[int]:
    """Select and lock all of up to `at_most` products that no person has tagged, those of the least certain first."""
    tag, image = ImageTag, SourceObject
    leads = _leads(what)
    of_lead = exists().where(leads.c.bucket == image.bucket, leads.c.product_id == image.product_id)
    named = image.product_id.in_(select(leads.c.product_id))  # walks the index of products
    members = select(tag.object_id).join(image, image.id == tag.object_id)
    free = members.where(named, of_lead, tag.source == "model", *conditions.free(what.dialect))
    chosen = free.order_by(image.product_id, tag.object_id).limit(MOST_OF_PRODUCTS)
    return chosen.with_for_update(of=tag, key_share=True, skip_locked=True)


def look(what: Sought) -> Select[int] | Select[int, int]:
    """Select the images that `pick` would, without taking them from anybody if that can be."""
    parts = _parts(what)
    return _walk(parts[0]) if len(parts) == 1 else pick(what)


def these(what: Sought) -> Select[int]:
    """Select and lock what a reviewer may still be given of `images`, which were looked at."""
    walk = _walk(what).where(ImageTag.object_id.in_(bindparam("images", expanding=True)))
    return _locked(walk).with_only_columns(ImageTag.object_id)


def blind(what: Sought) -> list[ColumnElement[bool]] | None:
    """Match what may be shown without a suggestion; None where the filters would tell what the model has said."""
    filters = what.filters
    if replace(filters, prefix=None, reason=None, among=None) != Filters() or filters.reason not in (None, AUDIT):
        return None
    keys = [] if filters.prefix is None else [conditions.below(what, filters.prefix)]
    return [*conditions.free_or_blind(what.dialect), *keys]


def _parts(what: Sought) -> list[Sought]:
    """Divide what is sought into walks of one category and one bucket each, as an index has them in order."""
    filters = what.filters
    names = filters.pair or (filters.among if filters.category is None else None)
    parts = [what]
    if names is not None:
        narrowed = [replace(filters, pair=None, among=None, category=name) for name in names or ("",)]
        parts = [replace(what, filters=each) for each in narrowed]
    return [replace(part, buckets=(bucket,)) for part in parts for bucket in what.buckets] or parts


def _walk(what: Sought) -> Select[int, int]:
    """Select images in the order of an index of tags, of keys, or of the events of a run."""
    tag, image, filters = ImageTag, SourceObject, what.filters
    statement = select(tag.object_id, tag.confidence).join(image, image.id == tag.object_id)
    if filters.plan is not None:
        change = PlanChange
        statement = statement.join(change, and_(change.object_id == tag.object_id, change.before == tag.category))
        statement = statement.where(change.plan_id == conditions.plan(filters.plan))
        statement = statement.order_by(change.becomes, change.confidence, change.object_id)
    elif filters.order == "key":
        head = in_key_order(what.dialect, image.key)[0]
        statement = statement.order_by(head)
        statement = statement.where(head >= in_key_order(what.dialect, _FROM_KEY)[0]) if what.goes_on else statement
    elif filters.order == "event" and filters.run is not None:
        statement = statement.join(TagEvent, conditions.written_by(filters.run)).order_by(TagEvent.id)
    elif filters.order == "object":
        statement = statement.order_by(tag.object_id)
        statement = statement.where(tag.object_id >= _FROM[1]) if what.goes_on else statement
    elif filters.order == "time":
        statement = statement.order_by(tag.tagged_at, tag.object_id)
    else:
        place = tag.confidence, tag.object_id
        statement = statement.order_by(*place)
        statement = statement.where(tuple_(*place) >= tuple_(*_FROM)) if what.goes_on else statement
    return statement.where(*conditions.free(what.dialect), *conditions.of_filters(what)).limit(AT_MOST)


def _locked(statement: Select[int, int]) -> Select[int, int]:
    return statement.with_for_update(of=ImageTag, key_share=True, skip_locked=True)


def _leads(what: Sought) -> CTE:
    """Return the products of the least certain images that have one."""
    image = SourceObject
    walk = _walk(what).add_columns(image.bucket, image.product_id)
    return _locked(walk.where(image.product_id.is_not(None))).cte("leads")
