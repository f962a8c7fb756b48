"""Pauses of the schedule, and what has been told about nights."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from db.schema.columns import UtcTime

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "schedule_pause",
        sa.Column("id", ID, nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("until", UtcTime(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("resumed_at", UtcTime(), nullable=True),
        sa.Column("resumed_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_schedule_pause"),
    )
    op.create_table(
        "night_notice",
        sa.Column("night", sa.Text(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.CheckConstraint("notice IN ('absent', 'late', 'missed', 'good')", name="ck_night_notice_notice"),
        sa.PrimaryKeyConstraint("night", "notice", name="pk_night_notice"),
    )


def downgrade() -> None:
    op.drop_table("night_notice")
    op.drop_table("schedule_pause")
