"""Items of runs over several stores by their store; adding items costs less; until when old rows were removed."""

import sqlalchemy as sa
from alembic import op

from db.schema.columns import UtcTime

revision: str = "0015"
down_revision: str | None = "0014"

WITHOUT_CHECK = {"run_id": "run", "model_version_id": "model_version"}


def upgrade() -> None:
    op.add_column("work_item", sa.Column("bucket", sa.Text(), nullable=True))
    with_store = sa.text("state = 'pending' AND bucket IS NOT NULL")
    op.create_index(
        "ix_work_item_claim_of_store",
        "work_item",
        ["queue", "run_id", "bucket", "priority", "eligible_at", "id"],
        sqlite_where=with_store,
        postgresql_where=with_store,
    )
    if op.get_bind().dialect.name != "sqlite":
        for column, table in WITHOUT_CHECK.items():
            op.drop_constraint(f"fk_work_item_{column}_{table}", "work_item", type_="foreignkey")
    op.create_table(
        "retention",
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("of", name="pk_retention"),
    )


def downgrade() -> None:
    op.drop_table("retention")
    if op.get_bind().dialect.name != "sqlite":
        for column, table in WITHOUT_CHECK.items():
            op.create_foreign_key(f"fk_work_item_{column}_{table}", "work_item", table, [column], ["id"])
    op.drop_index("ix_work_item_claim_of_store", "work_item")
    op.drop_column("work_item", "bucket")
