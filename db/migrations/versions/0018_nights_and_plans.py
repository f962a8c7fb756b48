"""Items by their store, retention, changes of plans, comments at images, what micro-batches came to, the gate."""

import sqlalchemy as sa
from alembic import op

from db.schema.columns import Id, UtcTime

revision: str = "0018"
down_revision: str | None = "0016"

WITHOUT_CHECK = {"run_id": "run", "model_version_id": "model_version"}
FIGURES = ("images", "failed", "results", "flagged", "unlike", *(f"band_{band}" for band in range(10)))
STAGES = ("read_us", "decode_us", "classify_us", "record_us")
NAME, TWICE_NAMED = "ck_night_notice_notice", "ck_night_notice_ck_night_notice_notice"
BEFORE = "notice IN ('absent', 'late', 'missed', 'good')"
SINCE = "notice IN ('absent', 'late', 'missed', 'good', 'gate', 'report')"


def upgrade() -> None:
    op.add_column("work_item", sa.Column("bucket", sa.Text(), nullable=True))
    with_store = sa.text("state = 'pending' AND bucket IS NOT NULL")
    op.create_index(
        "ix_work_item_claim_of_store",
        "work_item",
        ["queue", "run_id", "bucket", "priority", "eligible_at", "id"],
        sqlite_where=with_store,
        postgresql_where=with_store,
    )
    if op.get_bind().dialect.name != "sqlite":
        for column, table in WITHOUT_CHECK.items():
            op.drop_constraint(f"fk_work_item_{column}_{table}", "work_item", type_="foreignkey")
    op.create_table(
        "retention",
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("of", name="pk_retention"),
    )
    op.create_table(
        "plan_change",
        *(sa.Column(name, Id, autoincrement=False, nullable=False) for name in ("plan_id", "object_id")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("before", "becomes")),
        sa.Column("confidence", Id, nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "object_id", name="pk_plan_change"),
    )
    op.create_index("ix_plan_change_becomes", "plan_change", ["plan_id", "becomes", "confidence", "object_id"])
    op.create_table(
        "image_comment",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        *(sa.Column(name, Id, nullable=False) for name in ("object_id", "user_id")),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["object_id"], ["source_object.id"], name="fk_image_comment_object_id_source_object"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_image_comment_user_id_user"),
        sa.PrimaryKeyConstraint("id", name="pk_image_comment"),
        sa.UniqueConstraint("user_id", "key", name="uq_image_comment_user_id_key"),
    )
    op.create_index("ix_image_comment_object_id", "image_comment", ["object_id", "id"])
    op.create_table(
        "run_batch",
        sa.Column("id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        *(sa.Column(name, Id, nullable=False) for name in (*FIGURES, *STAGES)),
        sa.PrimaryKeyConstraint("id", name="pk_run_batch"),
    )
    op.create_index("ix_run_batch_run_id", "run_batch", ["run_id"])
    op.create_table(
        "gate_finding",
        sa.Column("run_id", Id, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.Column("accepted_at", UtcTime(), nullable=True),
        sa.Column("accepted_why", sa.Text(), nullable=True),
        sa.CheckConstraint("action IN ('learning', 'warned', 'held')", name=op.f("ck_gate_finding_action")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_gate_finding_run_id_run"),
        sa.PrimaryKeyConstraint("run_id", name="pk_gate_finding"),
    )
    _notices(SINCE, before=TWICE_NAMED, since=NAME)


def downgrade() -> None:
    op.execute("DELETE FROM night_notice WHERE notice IN ('gate', 'report')")
    _notices(BEFORE, before=NAME, since=TWICE_NAMED)
    op.drop_table("gate_finding")
    op.drop_table("run_batch")
    op.drop_table("image_comment")
    op.drop_table("plan_change")
    op.drop_table("retention")
    if op.get_bind().dialect.name != "sqlite":
        for column, table in WITHOUT_CHECK.items():
            op.create_foreign_key(f"fk_work_item_{column}_{table}", "work_item", table, [column], ["id"])
    op.drop_index("ix_work_item_claim_of_store", "work_item")
    op.drop_column("work_item", "bucket")


def _notices(condition: str, *, before: str, since: str) -> None:
    with op.batch_alter_table("night_notice") as batch:
        batch.drop_constraint(op.f(before), type_="check")
        batch.create_check_constraint(op.f(since), condition)
