"""Failed runs, and no suspect items."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"

BEFORE = "state IN ('planned', 'scanning', 'running', 'paused', 'finished', 'cancelled')"
SINCE = "state IN ('planned', 'scanning', 'running', 'paused', 'finished', 'cancelled', 'failed')"


def upgrade() -> None:
    op.drop_column("work_item", "suspect")
    _check_run_state(SINCE)


def downgrade() -> None:
    op.execute("UPDATE run SET state = 'cancelled' WHERE state = 'failed'")
    _check_run_state(BEFORE)
    op.add_column("work_item", sa.Column("suspect", sa.Boolean(), server_default=sa.false(), nullable=False))


def _check_run_state(condition: str) -> None:
    with op.batch_alter_table("run") as batch:
        batch.drop_constraint(op.f("ck_run_state"), type_="check")
        batch.create_check_constraint(op.f("ck_run_state"), condition)
