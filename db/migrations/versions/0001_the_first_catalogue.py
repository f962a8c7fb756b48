"""The first catalogue."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from db.schema.columns import UtcTime

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

CATALOGUE_TAGS = """
CREATE VIEW catalogue_tags AS
SELECT o.bucket, o.key, o.product_id, t.category,
       round(t.confidence / 10000.0, 4) AS confidence,
       t.needs_review, t.review_reason, t.source,
       CASE WHEN m.id IS NULL THEN NULL ELSE m.name || '@' || m.version END AS model,
       t.tagged_at
FROM image_tag t
JOIN source_object o ON o.id = t.object_id
LEFT JOIN model_version m ON m.id = t.model_version_id
WHERE o.gone_at IS NULL
"""

# A product's category is the one with the largest sum of its images' confidences; its confidence is that sum over all
# its images, so that a product whose images disagree is less sure than each of them. What a person said outweighs any
# model.
PRODUCT_TAGS = """
CREATE VIEW product_tags AS
WITH votes AS (
    SELECT o.bucket, o.product_id, t.category,
           sum(t.confidence) AS weight,
           sum(CASE WHEN t.source = 'human' THEN 1 ELSE 0 END) AS people
    FROM image_tag t JOIN source_object o ON o.id = t.object_id
    WHERE o.gone_at IS NULL AND o.product_id IS NOT NULL
    GROUP BY o.bucket, o.product_id, t.category
), totals AS (
    SELECT o.bucket, o.product_id, count(*) AS images,
           sum(CASE WHEN t.needs_review THEN 1 ELSE 0 END) AS images_to_review,
           max(t.tagged_at) AS tagged_at
    FROM image_tag t JOIN source_object o ON o.id = t.object_id
    WHERE o.gone_at IS NULL AND o.product_id IS NOT NULL
    GROUP BY o.bucket, o.product_id
), ranked AS (
    SELECT v.*, row_number() OVER (
        PARTITION BY v.bucket, v.product_id ORDER BY v.people DESC, v.weight DESC, v.category
    ) AS place
    FROM votes v
)
SELECT r.bucket, r.product_id, r.category,
       round(r.weight / 10000.0 / n.images, 4) AS confidence,
       n.images, n.images_to_review, n.tagged_at
FROM ranked r JOIN totals n ON n.bucket = r.bucket AND n.product_id = r.product_id
WHERE r.place = 1
"""


def upgrade() -> None:
    op.create_table(
        "leader_lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", ID, nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leader_lease"),
    )
    op.create_table(
        "model_version",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("registered_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model_version"),
        sa.UniqueConstraint("name", "version", name="uq_model_version_name_version"),
    )
    op.create_table(
        "source_object",
        sa.Column("id", ID, nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("version_token", sa.Text(), nullable=False),
        sa.Column("size", ID, nullable=False),
        sa.Column("last_modified", UtcTime(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("first_seen", UtcTime(), nullable=False),
        sa.Column("gone_at", UtcTime(), nullable=True),
        sa.Column("missing_in_run", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_source_object"),
        sa.UniqueConstraint("bucket", "key", name="uq_source_object_bucket_key"),
    )
    with op.batch_alter_table("source_object", schema=None) as batch_op:
        batch_op.create_index("ix_source_object_missing_in_run", ["missing_in_run"], unique=False)
        batch_op.create_index(
            "ix_source_object_product_id",
            ["product_id"],
            unique=False,
            postgresql_where=sa.text("product_id IS NOT NULL"),
        )

    op.create_table(
        "throttle",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.Column("strikes", ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_throttle"),
    )
    op.create_table(
        "user",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("disabled_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_user"),
        sa.UniqueConstraint("name", name="uq_user_name"),
    )
    op.create_table(
        "worker_heartbeat",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slots", ID, nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_worker_heartbeat"),
    )
    op.create_table(
        "api_token",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_api_token_user_id_user"),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("token_hash", name="uq_api_token_token_hash"),
    )
    op.create_table(
        "image_tag",
        sa.Column("object_id", ID, autoincrement=False, nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("confidence", ID, nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("review_reason", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("model_version_id", ID, nullable=True),
        sa.Column("version", ID, nullable=False),
        sa.Column("tagged_at", UtcTime(), nullable=False),
        sa.CheckConstraint("source IN ('model', 'human')", name=op.f("ck_image_tag_source")),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name="fk_image_tag_model_version_id_model_version"
        ),
        sa.ForeignKeyConstraint(["object_id"], ["source_object.id"], name="fk_image_tag_object_id_source_object"),
        sa.PrimaryKeyConstraint("object_id", name="pk_image_tag"),
    )
    with op.batch_alter_table("image_tag", schema=None) as batch_op:
        batch_op.create_index("ix_image_tag_category", ["category"], unique=False)
        batch_op.create_index(
            "ix_image_tag_review",
            ["confidence", "object_id"],
            unique=False,
            sqlite_where=sa.text("needs_review"),
            postgresql_where=sa.text("needs_review"),
        )

    op.create_table(
        "review_claim",
        sa.Column("object_id", ID, autoincrement=False, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["object_id"], ["source_object.id"], name="fk_review_claim_object_id_source_object"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_review_claim_user_id_user"),
        sa.PrimaryKeyConstraint("object_id", name="pk_review_claim"),
    )
    op.create_table(
        "run",
        sa.Column("id", ID, nullable=False),
        sa.Column("logical_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("selection", sa.JSON(), nullable=False),
        sa.Column("model_version_id", ID, nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cursor", KEY, nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('planned', 'scanning', 'running', 'paused', 'finished', 'cancelled')", name=op.f("ck_run_state")
        ),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name="fk_run_model_version_id_model_version"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.UniqueConstraint("logical_key", name="uq_run_logical_key"),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(
            "ix_run_unfinished",
            ["state"],
            unique=False,
            postgresql_where=sa.text("state NOT IN ('finished', 'cancelled')"),
        )

    op.create_table(
        "tag_event",
        sa.Column("id", ID, nullable=False),
        sa.Column("object_id", ID, nullable=False),
        sa.Column("seq", ID, nullable=False),
        sa.Column("old", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("new", sa.JSON(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["object_id"], ["source_object.id"], name="fk_tag_event_object_id_source_object"),
        sa.PrimaryKeyConstraint("id", name="pk_tag_event"),
        sa.UniqueConstraint("object_id", "seq", name="uq_tag_event_object_id_seq"),
    )
    op.create_table(
        "work_item",
        sa.Column("id", ID, nullable=False),
        sa.Column("object_id", ID, nullable=False),
        sa.Column("version_token", sa.Text(), nullable=False),
        sa.Column("model_version_id", ID, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("eligible_at", UtcTime(), nullable=False),
        sa.Column("fence", ID, server_default="0", nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("crashes", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("suspect", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("claimed_alone", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'leased', 'done', 'skipped', 'quarantined', 'cancelled')",
            name=op.f("ck_work_item_state"),
        ),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name="fk_work_item_model_version_id_model_version"
        ),
        sa.ForeignKeyConstraint(["object_id"], ["source_object.id"], name="fk_work_item_object_id_source_object"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_work_item_run_id_run"),
        sa.PrimaryKeyConstraint("id", name="pk_work_item"),
        sa.UniqueConstraint(
            "object_id", "model_version_id", "version_token", "request_id", name="uq_work_item_request"
        ),
        postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.01"},
    )
    with op.batch_alter_table("work_item", schema=None) as batch_op:
        batch_op.create_index(
            "ix_work_item_claim",
            ["queue", "priority", "eligible_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(
            "ix_work_item_leases",
            ["queue", "eligible_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'leased'"),
            postgresql_where=sa.text("state = 'leased'"),
        )
        batch_op.create_index("ix_work_item_run", ["run_id", "state"], unique=False)
        batch_op.create_index(
            "uq_work_item_open",
            ["object_id", "model_version_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('pending', 'leased')"),
            postgresql_where=sa.text("state IN ('pending', 'leased')"),
        )

    op.create_table(
        "classification",
        sa.Column("id", ID, nullable=False),
        sa.Column("work_item_id", ID, nullable=False),
        sa.Column("object_id", ID, nullable=False),
        sa.Column("model_version_id", ID, nullable=False),
        sa.Column("fence", ID, nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("confidence", ID, nullable=False),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("ood_score", sa.Double(), nullable=True),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("review_reason", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name="fk_classification_model_version_id_model_version"
        ),
        sa.ForeignKeyConstraint(["object_id"], ["source_object.id"], name="fk_classification_object_id_source_object"),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_item.id"], name="fk_classification_work_item_id_work_item"),
        sa.PrimaryKeyConstraint("id", name="pk_classification"),
        sa.UniqueConstraint("work_item_id", name="uq_classification_work_item_id"),
    )
    with op.batch_alter_table("classification", schema=None) as batch_op:
        batch_op.create_index("ix_classification_object_id", ["object_id"], unique=False)

    op.execute(CATALOGUE_TAGS)
    op.execute(PRODUCT_TAGS)


def downgrade() -> None:
    op.execute("DROP VIEW product_tags")
    op.execute("DROP VIEW catalogue_tags")
    with op.batch_alter_table("classification", schema=None) as batch_op:
        batch_op.drop_index("ix_classification_object_id")

    op.drop_table("classification")
    with op.batch_alter_table("work_item", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_work_item_open",
            sqlite_where=sa.text("state IN ('pending', 'leased')"),
            postgresql_where=sa.text("state IN ('pending', 'leased')"),
        )
        batch_op.drop_index("ix_work_item_run")
        batch_op.drop_index(
            "ix_work_item_leases",
            sqlite_where=sa.text("state = 'leased'"),
            postgresql_where=sa.text("state = 'leased'"),
        )
        batch_op.drop_index(
            "ix_work_item_claim",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    op.drop_table("work_item")
    op.drop_table("tag_event")
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index("ix_run_unfinished", postgresql_where=sa.text("state NOT IN ('finished', 'cancelled')"))

    op.drop_table("run")
    op.drop_table("review_claim")
    with op.batch_alter_table("image_tag", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_image_tag_review", sqlite_where=sa.text("needs_review"), postgresql_where=sa.text("needs_review")
        )
        batch_op.drop_index("ix_image_tag_category")

    op.drop_table("image_tag")
    op.drop_table("api_token")
    op.drop_table("worker_heartbeat")
    op.drop_table("user")
    op.drop_table("throttle")
    with op.batch_alter_table("source_object", schema=None) as batch_op:
        batch_op.drop_index("ix_source_object_product_id", postgresql_where=sa.text("product_id IS NOT NULL"))
        batch_op.drop_index("ix_source_object_missing_in_run")

    op.drop_table("source_object")
    op.drop_table("model_version")
    op.drop_table("leader_lease")
