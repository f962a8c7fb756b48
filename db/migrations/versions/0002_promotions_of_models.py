"""Promotions of models."""

import sqlalchemy as sa
from alembic import op

from db.schema.columns import UtcTime

revision: str = "0002"
down_revision: str | None = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "model_promotion",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seq", ID, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("model_version_id", ID, nullable=False),
        sa.Column("replaced_id", ID, nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.CheckConstraint("action IN ('promote', 'rollback')", name=op.f("ck_model_promotion_action")),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name="fk_model_promotion_model_version_id_model_version"
        ),
        sa.ForeignKeyConstraint(
            ["replaced_id"], ["model_version.id"], name="fk_model_promotion_replaced_id_model_version"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_model_promotion"),
        sa.UniqueConstraint("name", "seq", name="uq_model_promotion_name_seq"),
    )


def downgrade() -> None:
    op.drop_table("model_promotion")
