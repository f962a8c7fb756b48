"""What readers want of the catalogue: the tags to export, and the images that got none."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Boolean, Float, Row, exists, select, text
from sqlalchemy.orm import Session, aliased

from db.schema import SourceObject, WorkItem
from db.schema.columns import UtcTime

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
    """List items that ended without a tag or wait after a failure, unless the same version was queued again since."""
    later = aliased(WorkItem)
    superseded = exists().where(
        later.object_id == WorkItem.object_id,
        later.model_version_id == WorkItem.model_version_id,
        later.version_token == WorkItem.version_token,
        later.id > WorkItem.id,
    )
    statement = (
        select(
            SourceObject.bucket,
            SourceObject.key,
            WorkItem.state,
            WorkItem.reason,
            WorkItem.detail,
            WorkItem.failures,
            WorkItem.crashes,
        )
        .join(SourceObject, SourceObject.id == WorkItem.object_id)
        .where(WorkItem.reason.is_not(None), WorkItem.state.not_in(("done", "cancelled")))
        .where(WorkItem.version_token == SourceObject.version_token, SourceObject.gone_at.is_(None), ~superseded)
        .order_by(SourceObject.bucket, SourceObject.key)
    )
    return session.execute(statement.where(WorkItem.reason == reason) if reason else statement).all()


def export(session: Session, *, category: str | None = None, needs_review: bool = False) -> Iterator[dict[str, Any]]:
    """Stream the rows of the view `catalogue_tags` in key order, with the EXPORT_COLUMNS."""
    conditions = ["1 = 1"]
    if category is not None:
        conditions.append("category = :category")
    if needs_review:
        conditions.append("needs_review")
    columns, where = ", ".join(EXPORT_COLUMNS), " AND ".join(conditions)
    statement = text(f"SELECT {columns} FROM catalogue_tags WHERE {where} ORDER BY bucket, key")  # noqa: S608 -- our words
    typed = statement.columns(confidence=Float(), needs_review=Boolean(), tagged_at=UtcTime())
    parameters = {"category": category} if category is not None else {}
    for row in session.execute(typed, parameters, execution_options={"yield_per": 2000}):
        yield dict(zip(EXPORT_COLUMNS, row, strict=True))
