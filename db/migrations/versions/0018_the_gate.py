"""What micro-batches came to, what the gate found at nights, and that both it and reports are told of once."""

import sqlalchemy as sa
from alembic import op

from db.schema.columns import Id, UtcTime

revision: str = "0018"
down_revision: str | None = "0017"

FIGURES = ("images", "failed", "results", "flagged", "unlike", *(f"band_{band}" for band in range(10)))
STAGES = ("read_us", "decode_us", "classify_us", "record_us")
NAME, TWICE_NAMED = "ck_night_notice_notice", "ck_night_notice_ck_night_notice_notice"
BEFORE = "notice IN ('absent', 'late', 'missed', 'good')"
SINCE = "notice IN ('absent', 'late', 'missed', 'good', 'gate', 'report')"


def upgrade() -> None:
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


def _notices(condition: str, *, before: str, since: str) -> None:
    with op.batch_alter_table("night_notice") as batch:
        batch.drop_constraint(op.f(before), type_="check")
        batch.create_check_constraint(op.f(since), condition)
