"""Under which version of the program an item failed; plans that are frozen in half the time."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("work_item", sa.Column("failed_under", sa.Text(), nullable=True))
    with op.batch_alter_table("plan_item") as batch:
        batch.drop_constraint("fk_plan_item_plan_id_plan", type_="foreignkey")


def downgrade() -> None:
    with op.batch_alter_table("plan_item") as batch:
        batch.create_foreign_key("fk_plan_item_plan_id_plan", "plan", ["plan_id"], ["id"])
    op.drop_column("work_item", "failed_under")
