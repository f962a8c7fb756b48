"""Plans, notes at runs, and what undoing and resuming a run need."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from db.schema.columns import UtcTime

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("run", sa.Column("held_in", sa.Text(), nullable=True))
    op.create_index("ix_tag_event_actor", "tag_event", ["actor", "id"])
    op.create_table(
        "run_note",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_note_run_id_run"),
        sa.PrimaryKeyConstraint("id", name="pk_run_note"),
    )
    op.create_index("ix_run_note_run_id", "run_note", ["run_id"])
    op.create_table(
        "plan",
        sa.Column("id", ID, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("selection", sa.JSON(), nullable=False),
        sa.Column("model_version_id", ID, nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("newest_first", sa.Boolean(), nullable=False),
        sa.Column("up_to_object", ID, nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("frozen_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name="fk_plan_model_version_id_model_version"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_plan"),
        sa.UniqueConstraint("code", name="uq_plan_code"),
    )
    op.create_table(
        "plan_item",
        sa.Column("plan_id", ID, autoincrement=False, nullable=False),
        sa.Column("position", ID, autoincrement=False, nullable=False),
        sa.Column("object_id", ID, autoincrement=False, nullable=False),
        sa.Column("version_token", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name="fk_plan_item_plan_id_plan"),
        sa.PrimaryKeyConstraint("plan_id", "position", "object_id", name="pk_plan_item"),
    )


def downgrade() -> None:
    op.drop_table("plan_item")
    op.drop_table("plan")
    op.drop_table("run_note")
    op.drop_index("ix_tag_event_actor", "tag_event")
    op.drop_column("run", "held_in")
