"""How often an item's lease was lost, and an index that leads to a run's next items."""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"

NAME = "ix_work_item_claim"
BEFORE = ["queue", "priority", "eligible_at", "id"]
SINCE = ["queue", "run_id", "priority", "eligible_at", "id"]
_PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.add_column("work_item", sa.Column("losses", sa.SmallInteger(), server_default="0", nullable=False))
    _index(SINCE)


def downgrade() -> None:
    _index(BEFORE)
    op.drop_column("work_item", "losses")


def _index(columns: list[str]) -> None:
    op.drop_index(NAME, "work_item")
    op.create_index(NAME, "work_item", columns, postgresql_where=_PENDING, sqlite_where=_PENDING)
