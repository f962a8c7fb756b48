"""Keys of any length: PostgreSQL's index holds the head of a key, and of a long one a digest."""

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"

DIGEST = r"substr(sha256(decode(replace(substr(key, 401), '\', '\\'), 'escape')), 1, 32 * length(substr(key, 401)))"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":  # where an index takes rows of any length
        return
    head = sa.text("substr(key, 1, 400)")
    op.create_index("uq_source_object_bucket_key_head", "source_object", ["bucket", head, sa.text(DIGEST)], unique=True)
    op.drop_constraint("uq_source_object_bucket_key", "source_object")
    _index_products("hash")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
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
