"""The store of a run's items, so that claims skip those of one that is held, and the limit that an image was over."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from db.schema.columns import UtcTime

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("run", sa.Column("bucket", sa.Text(), nullable=True))
    op.add_column("work_item", sa.Column("cap", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
    op.add_column("throttle", sa.Column("answered_at", UtcTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("throttle", "answered_at")
    op.drop_column("work_item", "cap")
    op.drop_column("run", "bucket")
