"""Keys of any length, whose head and digest PostgreSQL indexes; versions under which items failed; forgotten images."""

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0010"

DIGEST = r"substr(sha256(decode(replace(substr(key, 401), '\', '\\'), 'escape')), 1, 32 * length(substr(key, 401)))"


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":  # where an index takes rows of any length
        _index_heads()
    op.add_column("work_item", sa.Column("failed_under", sa.Text(), nullable=True))
    with op.batch_alter_table("plan_item") as batch:
        batch.drop_constraint("fk_plan_item_plan_id_plan", type_="foreignkey")
    op.create_table(
        "forgotten",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_forgotten"),
    )


def downgrade() -> None:
    op.drop_table("forgotten")
    with op.batch_alter_table("plan_item") as batch:
        batch.create_foreign_key("fk_plan_item_plan_id_plan", "plan", ["plan_id"], ["id"])
    op.drop_column("work_item", "failed_under")
    if op.get_bind().dialect.name != "sqlite":
        _index_whole_keys()


def _index_heads() -> None:
    head = sa.text("substr(key, 1, 400)")
    op.create_index("uq_source_object_bucket_key_head", "source_object", ["bucket", head, sa.text(DIGEST)], unique=True)
    op.drop_constraint("uq_source_object_bucket_key", "source_object")
    _index_products("hash")


def _index_whole_keys() -> None:
    op.create_unique_constraint("uq_source_object_bucket_key", "source_object", ["bucket", "key"])
    op.drop_index("uq_source_object_bucket_key_head", "source_object")
    _index_products("btree")


def _index_products(kind: str) -> None:
    op.drop_index("ix_source_object_product_id", "source_object")
    op.create_index(
        "ix_source_object_product_id",
        "source_object",
        ["product_id"],
        postgresql_using=kind,
        postgresql_where=sa.text("product_id IS NOT NULL"),
    )
