"""When a store answered last after an outage, so that it is not given up for a host that alone cannot reach it."""

import sqlalchemy as sa
from alembic import op

from db.schema.columns import UtcTime

revision: str = "0014"
down_revision: str | None = "0013"


def upgrade() -> None:
    op.add_column("throttle", sa.Column("answered_at", UtcTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("throttle", "answered_at")
