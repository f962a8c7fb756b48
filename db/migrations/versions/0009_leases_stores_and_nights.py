"""Lost leases, an index that leads to a run's next items, held stores, the schedule's pauses and notices."""

import sqlalchemy as sa
from alembic import op

from db.schema.columns import Id, UtcTime

revision: str = "0009"
down_revision: str | None = "0006"

NAME = "ix_work_item_claim"
BEFORE = ["queue", "priority", "eligible_at", "id"]
SINCE = ["queue", "run_id", "priority", "eligible_at", "id"]
_PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.add_column("work_item", sa.Column("losses", sa.SmallInteger(), server_default="0", nullable=False))
    _index(SINCE)
    op.add_column("run", sa.Column("bucket", sa.Text(), nullable=True))
    op.add_column("work_item", sa.Column("cap", Id, nullable=True))
    op.add_column("throttle", sa.Column("answered_at", UtcTime(), nullable=True))
    op.create_table(
        "schedule_pause",
        sa.Column("id", Id, nullable=False),
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
    op.drop_column("throttle", "answered_at")
    op.drop_column("work_item", "cap")
    op.drop_column("run", "bucket")
    _index(BEFORE)
    op.drop_column("work_item", "losses")


def _index(columns: list[str]) -> None:
    op.drop_index(NAME, "work_item")
    op.create_index(NAME, "work_item", columns, postgresql_where=_PENDING, sqlite_where=_PENDING)
