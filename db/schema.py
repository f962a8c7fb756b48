"""The tables of the catalogue. A row class is named after its table; "model" always means a trained network.

Confidence is an INTEGER of 1e-4 (9,731 is 0.9731), so that keyset paging and comparison are exact. Times are UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import Base as Base
from db.columns import Key
from db.vocabulary import ITEM_STATES, PROMOTION_ACTIONS, RUN_STATES

CONFIDENCE_UNIT = 10_000


class SourceObject(Base):
    """One image in a folder or bucket, as the last scan saw it."""

    __tablename__ = "source_object"
    __table_args__ = (
        UniqueConstraint("bucket", "key"),
        Index("ix_source_object_product_id", "product_id", postgresql_where=text("product_id IS NOT NULL")),
        Index("ix_source_object_missing_in_run", "missing_in_run"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    bucket: Mapped[str]
    key: Mapped[str] = mapped_column(Key)
    version_token: Mapped[str]
    size: Mapped[int]
    last_modified: Mapped[datetime]
    product_id: Mapped[str | None]
    first_seen: Mapped[datetime]
    gone_at: Mapped[datetime | None]
    missing_in_run: Mapped[int | None]  # the scan that did not find it; becomes gone_at when that listing is complete


class ModelVersion(Base):
    """A bundle that images were, or are to be, classified with."""

    __tablename__ = "model_version"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[str]
    location: Mapped[str | None]  # a folder, for bundles given by path
    registered_at: Mapped[datetime]

    @property
    def bundle_id(self) -> str:
        """The bundle's own id, which the views show."""
        return f"{self.name}@{self.version}"


class ModelPromotion(Base):
    """One change of the version that a bundle's name alone stands for: who, when, why. Append-only; the last holds."""

    __tablename__ = "model_promotion"
    __table_args__ = (
        UniqueConstraint("name", "seq"),
        CheckConstraint(f"action IN {PROMOTION_ACTIONS}", name="action"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    seq: Mapped[int]  # 1, 2, 3 … under one name: of two people who change it at once, one finds his number taken
    action: Mapped[str]
    model_version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))  # what holds from here on
    replaced_id: Mapped[int | None] = mapped_column(ForeignKey("model_version.id"))  # what held before
    actor: Mapped[str]  # see db.actors
    at: Mapped[datetime]
    forced: Mapped[bool]  # the comparison was against it, or could not be made
    detail: Mapped[dict[str, Any]]  # the figures of the comparison, or why there are none


class Run(Base):
    """A piece of work somebody or some schedule asked for."""

    __tablename__ = "run"
    __table_args__ = (
        CheckConstraint(f"state IN {RUN_STATES}", name="state"),
        Index("ix_run_unfinished", "state", postgresql_where=text("state NOT IN ('finished', 'cancelled')")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    logical_key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    selection: Mapped[dict[str, Any]]
    model_version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))
    requested_by: Mapped[str]
    state: Mapped[str]
    cursor: Mapped[str] = mapped_column(Key)
    counts: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]  # a scan that has not moved this for long has died
    finished_at: Mapped[datetime | None]


class WorkItem(Base):
    """One object version x model x request. Narrow, because workers fight over its pages."""

    __tablename__ = "work_item"
    __table_args__ = (
        UniqueConstraint("object_id", "model_version_id", "version_token", "request_id", name="uq_work_item_request"),
        CheckConstraint(f"state IN {ITEM_STATES}", name="state"),
        Index(
            "uq_work_item_open",
            "object_id",
            "model_version_id",
            unique=True,
            sqlite_where=text("state IN ('pending', 'leased')"),
            postgresql_where=text("state IN ('pending', 'leased')"),
        ),
        Index(
            "ix_work_item_claim",
            "queue",
            "priority",
            "eligible_at",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_work_item_leases",
            "queue",
            "eligible_at",
            "id",
            sqlite_where=text("state = 'leased'"),
            postgresql_where=text("state = 'leased'"),
        ),
        Index("ix_work_item_run", "run_id", "state"),
        {"postgresql_with": {"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.01"}},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"))
    version_token: Mapped[str]
    model_version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))
    request_id: Mapped[str]
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    queue: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str]
    eligible_at: Mapped[datetime]  # claimable from here on: the end of a back-off, or of a lease
    fence: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    crashes: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    suspect: Mapped[bool] = mapped_column(server_default=false())
    claimed_alone: Mapped[bool] = mapped_column(server_default=false())
    lease_owner: Mapped[str | None]
    reason: Mapped[str | None]
    detail: Mapped[str | None]


class Classification(Base):
    """What a model said of an object version. Append-only."""

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
    created_at: Mapped[datetime]


class ImageTag(Base):
    """The category an image has now. `version` counts its tag_events."""

    __tablename__ = "image_tag"
    __table_args__ = (
        CheckConstraint("source IN ('model', 'human')", name="source"),
        Index(
            "ix_image_tag_review",
            "confidence",
            "object_id",
            sqlite_where=text("needs_review"),
            postgresql_where=text("needs_review"),
        ),
        Index("ix_image_tag_category", "category"),
    )

    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"), primary_key=True, autoincrement=False)
    category: Mapped[str]
    confidence: Mapped[int]
    needs_review: Mapped[bool]
    review_reason: Mapped[str | None]
    source: Mapped[str]
    model_version_id: Mapped[int | None] = mapped_column(ForeignKey("model_version.id"))
    version: Mapped[int]
    tagged_at: Mapped[datetime]


class TagEvent(Base):
    """One change of one tag: who, why, from what, to what. Append-only; audit and undo come from it."""

    __tablename__ = "tag_event"
    __table_args__ = (UniqueConstraint("object_id", "seq"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"))
    seq: Mapped[int]
    old: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    new: Mapped[dict[str, Any]]
    actor: Mapped[str]  # see db.actors
    why: Mapped[str]
    at: Mapped[datetime]


class User(Base):
    """A person who reviews or operates."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class ApiToken(Base):
    """A program's way in, for a user. Only the token's hash is kept."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    label: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ReviewClaim(Base):
    """A soft lock: this reviewer looks at this image until then."""

    __tablename__ = "review_claim"

    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"), primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    expires_at: Mapped[datetime]


class LeaderLease(Base):
    """Who may act as the one scheduler until when. Not a mutex: everything done under it is idempotent."""

    __tablename__ = "leader_lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    fence: Mapped[int]
    expires_at: Mapped[datetime]


class WorkerHeartbeat(Base):
    """A worker process that was alive at `seen_at`, and how many doorbells it answers at once."""

    __tablename__ = "worker_heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    slots: Mapped[int]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class Throttle(Base):
    """While `until` lies ahead nobody claims: an outage is waited for once, not by every image."""

    __tablename__ = "throttle"

    name: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
    strikes: Mapped[int]
    reason: Mapped[str]
