"""The work: images in the store, the runs that were asked for, and their items."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.columns import KEY_DIGEST, NEVER_AGAIN, Base, Key, key_head, partial_index
from db.schema.vocabulary import ITEM_STATES, OPEN_STATES, RUN_STATES

SEVERAL = ""
"""The bucket of a run whose items lie in several, and say so themselves."""


class SourceObject(Base):
    """One image in a folder or bucket, as the last scan saw it."""

    __tablename__ = "source_object"
    __table_args__ = (
        UniqueConstraint("bucket", "key").ddl_if(dialect="sqlite"),
        # A row of a B-tree has a limit on PostgreSQL, so this one holds the head of a key, and a digest of a long one.
        Index(
            "uq_source_object_bucket_key_head", "bucket", key_head(text("key")), text(KEY_DIGEST), unique=True
        ).ddl_if(dialect="postgresql"),
        Index(
            "ix_source_object_product_id",
            "product_id",
            postgresql_using="hash",
            postgresql_where=text("product_id IS NOT NULL"),
        ),
        partial_index(
            "product_id IS NOT NULL", "ix_source_object_of_product", "id"
        ),  # tells that there are few, or none
        Index("ix_source_object_missing_in_run", "missing_in_run"),
        NEVER_AGAIN,
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
    missing_in_run: Mapped[int | None]  # the scan that did not list it; becomes gone_at once that listing is complete
    changed_at: Mapped[datetime | None]  # when a scan last wrote another version, or found it again


class Run(Base):
    """A piece of work that a person or a schedule asked for."""

    __tablename__ = "run"
    __table_args__ = (
        CheckConstraint(f"state IN {RUN_STATES}", name="state"),
        Index("ix_run_unfinished", "state", postgresql_where=text("state NOT IN ('finished', 'cancelled')")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    logical_key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    selection: Mapped[dict[str, Any]]
    bucket: Mapped[str | None]  # of all its items; SEVERAL; or NULL: nobody knows
    model_version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))
    requested_by: Mapped[str]
    state: Mapped[str]
    held_in: Mapped[str | None]  # the state in which it was paused or cancelled, and is resumed
    cursor: Mapped[str] = mapped_column(Key)
    counts: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]  # a scan that has not changed this for long is dead
    finished_at: Mapped[datetime | None]


class RunCount(Base):
    """A part of the number of a run's items in one state: triggers add the difference that each change makes."""

    __tablename__ = "run_count"
    __table_args__ = (Index("ix_run_count_name", "run_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int]  # no foreign key, whose check would wait for whoever has locked the run
    name: Mapped[str]  # a state, or "needs_review" for flagged results
    items: Mapped[int]


class RunBatch(Base):
    """What a recorded micro-batch of a run came to, or a block of them: a row each, so that nobody waits."""

    __tablename__ = "run_batch"
    __table_args__ = (Index("ix_run_batch_run_id", "run_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int]  # no foreign key, whose check would wait for whoever has locked the run
    images: Mapped[int]  # with a result or, of these as many as `failed`, without one for good
    failed: Mapped[int]
    results: Mapped[int]
    flagged: Mapped[int]
    unlike: Mapped[int]  # flagged as unlike_training
    band_0: Mapped[int]  # results with a confidence below 0.1, and so on
    band_1: Mapped[int]
    band_2: Mapped[int]
    band_3: Mapped[int]
    band_4: Mapped[int]
    band_5: Mapped[int]
    band_6: Mapped[int]
    band_7: Mapped[int]
    band_8: Mapped[int]
    band_9: Mapped[int]
    read_us: Mapped[int]  # microseconds of a worker's child; of threads that work at once, divided by their number
    decode_us: Mapped[int]
    classify_us: Mapped[int]
    record_us: Mapped[int]


class WorkItem(Base):
    """One object version x model x request. A narrow table, because workers compete for its pages."""

    __tablename__ = "work_item"
    __table_args__ = (
        UniqueConstraint("object_id", "model_version_id", "version_token", "request_id", name="uq_work_item_request"),
        CheckConstraint(f"state IN {ITEM_STATES}", name="state"),
        partial_index(f"state IN {OPEN_STATES}", "uq_work_item_open", "object_id", "model_version_id", unique=True),
        partial_index("state = 'pending'", "ix_work_item_claim", "queue", "run_id", "priority", "eligible_at", "id"),
        partial_index(
            "state = 'pending' AND bucket IS NOT NULL",
            "ix_work_item_claim_of_store",
            *("queue", "run_id", "bucket", "priority", "eligible_at", "id"),
        ),
        partial_index("state = 'leased'", "ix_work_item_leases", "queue", "eligible_at", "id"),
        Index("ix_work_item_run", "run_id", "state"),
        partial_index("reason IS NOT NULL", "ix_work_item_reason", "reason", "object_id"),
        partial_index(f"state IN {OPEN_STATES} AND fence > 50", "ix_work_item_often_claimed", "id"),
        # On PostgreSQL these checks were half of what adding an item costs, and waited for whoever had locked the run.
        ForeignKeyConstraint(["model_version_id"], ["model_version.id"]).ddl_if(dialect="sqlite"),
        ForeignKeyConstraint(["run_id"], ["run.id"]).ddl_if(dialect="sqlite"),
        NEVER_AGAIN | {"postgresql_with": {"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.01"}},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"))
    version_token: Mapped[str]
    model_version_id: Mapped[int]
    request_id: Mapped[str]
    run_id: Mapped[int]
    bucket: Mapped[str | None]  # where the run may be over several stores
    queue: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str]
    eligible_at: Mapped[datetime]  # claimable from here on: the end of a back-off, or of a lease
    fence: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    crashes: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    losses: Mapped[int] = mapped_column(SmallInteger, server_default="0")  # leases that ended with nothing settled
    claimed_alone: Mapped[bool] = mapped_column(server_default=false())
    lease_owner: Mapped[str | None]
    reason: Mapped[str | None]
    detail: Mapped[str | None]
    failed_under: Mapped[str | None]  # the version of the program that gave the reason
    cap: Mapped[int | None]  # the limit it was over, of bytes or pixels
