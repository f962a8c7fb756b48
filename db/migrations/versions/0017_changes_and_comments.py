"""What a plan would change, image by image; comments at images."""

import sqlalchemy as sa
from alembic import op

from db.schema.columns import UtcTime

revision: str = "0017"
down_revision: str | None = "0016"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "plan_change",
        *(sa.Column(name, ID, autoincrement=False, nullable=False) for name in ("plan_id", "object_id")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("before", "becomes")),
        sa.Column("confidence", ID, nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "object_id", name="pk_plan_change"),
    )
    op.create_index("ix_plan_change_becomes", "plan_change", ["plan_id", "becomes", "confidence", "object_id"])
    op.create_table(
        "image_comment",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        *(sa.Column(name, ID, nullable=False) for name in ("object_id", "user_id")),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["object_id"], ["source_object.id"], name="fk_image_comment_object_id_source_object"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_image_comment_user_id_user"),
        sa.PrimaryKeyConstraint("id", name="pk_image_comment"),
        sa.UniqueConstraint("user_id", "key", name="uq_image_comment_user_id_key"),
    )
    op.create_index("ix_image_comment_object_id", "image_comment", ["object_id", "id"])


def downgrade() -> None:
    op.drop_table("image_comment")
    op.drop_table("plan_change")
