"""When an object was last changed by a scan, so that an older listing does not overrule a newer one."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from db.schema.columns import UtcTime

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("source_object", sa.Column("changed_at", UtcTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("source_object", "changed_at")
