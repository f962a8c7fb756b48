"""What readers want of the catalogue: the tags to export, and the images that got none."""

import operator
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Float, Row, column, exists, func, select, table
from sqlalchemy.orm import Session, aliased

from db.keys import in_key_order, is_key, under
from db.schema import ImageTag, SourceObject, WorkItem
from db.schema.columns import UtcTime

PAGE_ROWS = 2000
EXPORT_COLUMNS = (
    "bucket",
    "key",
    "product_id",
    "category",
    "confidence",
    "needs_review",
    "review_reason",
    "source",
    "model",
    "tagged_at",
)


def failures(session: Session, reason: str | None = None) -> Sequence[Row[*tuple[Any, ...]]]:
    """List the items that failed, by key."""
    image, item = SourceObject, WorkItem
    columns = image.bucket, image.key, item.state, item.reason, item.detail, item.failures, item.crashes
    statement = select(*columns, item.failed_under).join(image, image.id == item.object_id).where(*failed(item, reason))
    return session.execute(statement.order_by(image.bucket, image.key)).all()


def failures_by_reason(session: Session, reason: str | None = None) -> Sequence[Row[*tuple[Any, ...]]]:
    """Count the items that failed by reason, the most frequent first, with one of their keys."""
    image, item = SourceObject, WorkItem
    counted = select(item.reason, func.count().label("images"), func.min(image.key).label("example"))
    counted = counted.join(image, image.id == item.object_id).where(*failed(item, reason)).group_by(item.reason)
    return session.execute(counted.order_by(func.count().desc(), item.reason)).all()


def failed(item: type[WorkItem], *reasons: str | None) -> list[ColumnElement[bool]]:
    """Match items that ended without a tag or wait after a failure, for one of these reasons or for any.

    Of images that are there, in the version that is there; unless it was queued again since.
    """
    later = aliased(WorkItem)
    queued_again = exists().where(
        later.object_id == item.object_id,
        later.model_version_id == item.model_version_id,
        later.version_token == item.version_token,
        later.id > item.id,
    )
    of_reasons = item.reason.in_(reasons) if any(reasons) else item.reason != "superseded"
    is_current = item.version_token == SourceObject.version_token, SourceObject.gone_at.is_(None)
    return [item.reason.is_not(None), of_reasons, item.state.not_in(("done", "cancelled")), *is_current, ~queued_again]


def untagged(session: Session, bucket: str, prefix: str) -> int:
    """Count the images under a prefix if none of them has a tag; 0 if one has."""
    present = (SourceObject.bucket == bucket, under(prefix), SourceObject.gone_at.is_(None))
    tagged = select(ImageTag.object_id).join(SourceObject, SourceObject.id == ImageTag.object_id).where(*present)
    if session.execute(tagged.where(ImageTag.category != "").limit(1)).first() is not None:
        return 0
    counted = select(func.count(SourceObject.id)).where(*present)
    return session.execute(counted).scalar_one()


def export_page(
    session: Session,
    *,
    after: tuple[str, str] = ("", ""),
    rows: int = PAGE_ROWS,
    category: str | None = None,
    needs_review: bool = False,
) -> list[dict[str, Any]]:
    """Return the first rows of the view `catalogue_tags` after a bucket and key, in this order, with EXPORT_COLUMNS."""
    types: dict[str, Any] = {"confidence": Float(), "needs_review": Boolean(), "tagged_at": UtcTime()}
    tags = table("catalogue_tags", *(column(name, types.get(name)) for name in EXPORT_COLUMNS))
    wanted = select(tags)
    if category is not None:
        wanted = wanted.where(tags.c.category == category)
    if needs_review:
        wanted = wanted.where(tags.c.needs_review)
    in_order = wanted.order_by(*in_key_order(session, tags.c.key))
    bucket: str | None
    bucket, key = after
    page: list[dict[str, Any]] = []
    while bucket is not None and len(page) < rows:  # a bucket at a time: PostgreSQL plans no walk over several
        rest = in_order.where(tags.c.bucket == bucket, is_key(operator.gt, key, tags.c.key))
        page += map(dict, session.execute(rest.limit(rows - len(page))).mappings())
        following = select(SourceObject.bucket).where(SourceObject.bucket > bucket)
        bucket = session.execute(following.order_by(SourceObject.bucket).limit(1)).scalar_one_or_none()
        key = ""
    return page


def categories(session: Session) -> list[str]:
    """Return the categories that any image has, sorted."""
    category = table("catalogue_tags", column("category")).c.category
    return list(session.execute(select(category).where(category != "").distinct().order_by(category)).scalars())
