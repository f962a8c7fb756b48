"""Results for the images: classifications by models, the tags, and the history of each tag."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.columns import NEVER_AGAIN, Base, partial_index


def _of_flagged(name: str, *columns: str, asked: str | None = None) -> Index:
    """Index what waits for review. SQLite uses such an index only for the very words of the query.

    With `asked` only a condition on that column leads to it: else, where little waits, PostgreSQL reads all of it.
    """
    also = "" if asked is None else f" AND {asked} IS NOT NULL"
    postgresql, sqlite = (text(flagged + also) for flagged in ("needs_review", "needs_review = 1"))
    return Index(name, *columns, postgresql_where=postgresql, sqlite_where=sqlite)


class Classification(Base):
    """A model's result for one object version. Append-only."""

    __tablename__ = "classification"
    __table_args__ = (Index("ix_classification_object_id", "object_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    work_item_id: Mapped[int] = mapped_column(ForeignKey("work_item.id"), unique=True)
    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"))
    model_version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))
    fence: Mapped[int]
    category: Mapped[str]
    confidence: Mapped[int]
    scores: Mapped[list[int]]  # units of 1e-4, in the order of the bundle's categories
    ood_score: Mapped[float | None]
    needs_review: Mapped[bool]
    review_reason: Mapped[str | None]
    audit_share: Mapped[float | None]  # the probability with which it was drawn, where the reason is an audit
    fingerprint: Mapped[bytes | None]  # of a picture that needs review; near-identical ones differ in few bits
    created_at: Mapped[datetime]


class ImageTag(Base):
    """The category an image has now. `version` counts its tag_events."""

    __tablename__ = "image_tag"
    __table_args__ = (
        CheckConstraint("source IN ('model', 'human')", name="source"),
        _of_flagged("ix_image_tag_review", "confidence", "object_id"),
        _of_flagged("ix_image_tag_review_category", "category", "confidence", "object_id"),
        _of_flagged("ix_image_tag_review_reason", "review_reason", "confidence", "object_id", asked="review_reason"),
        _of_flagged("ix_image_tag_review_age", "tagged_at", "object_id", asked="tagged_at"),
        partial_index("needs_review AND review_reason = 'audit'", "ix_image_tag_audit", "object_id"),
        Index("ix_image_tag_category", "category", "object_id"),
    )

    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"), primary_key=True, autoincrement=False)
    category: Mapped[str]  # empty where a person said that it has none: not_ours or unreadable is the review_reason
    confidence: Mapped[int]
    needs_review: Mapped[bool]
    review_reason: Mapped[str | None]
    source: Mapped[str]
    model_version_id: Mapped[int | None] = mapped_column(ForeignKey("model_version.id"))
    version: Mapped[int]
    tagged_at: Mapped[datetime]


class TagEvent(Base):
    """One change of one tag: who, why, from what, to what. Append-only; audit and undo are built on it."""

    __tablename__ = "tag_event"
    __table_args__ = (UniqueConstraint("object_id", "seq"), Index("ix_tag_event_actor", "actor", "id"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(primary_key=True)
    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"))
    seq: Mapped[int]
    old: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    new: Mapped[dict[str, Any]]  # all fields null: the tag was withdrawn, as there was none before the run undone
    actor: Mapped[str]  # see db.actors
    why: Mapped[str]
    at: Mapped[datetime]
