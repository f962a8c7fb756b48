"""Indexes for the views of the review's queue and for audits; claims without foreign keys; earlier vacuum."""

import sqlalchemy as sa
from alembic import op

revision: str = "0021"
down_revision: str | None = "0020"

VIEWS = {
    "ix_image_tag_review_reason": ["review_reason", "confidence", "object_id"],
    "ix_image_tag_review_age": ["tagged_at", "object_id"],
}
OF_PRODUCT = sa.text("product_id IS NOT NULL")
OF_AUDIT = sa.text("drawn = 'audit'")
CLAIM = {"object_id": "source_object", "screen_id": "review_screen"}
STORAGE = {
    "image_tag": {"autovacuum_vacuum_scale_factor": "0.02", "autovacuum_analyze_scale_factor": "0.02"},
    "decision": {"autovacuum_analyze_scale_factor": "0.02"},
    # A few rows a page: a table of some pages is read whole for each image that a claim looks at, and not by its index.
    "review_claim": {"fillfactor": "10", "autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "2000"},
}


def upgrade() -> None:
    for name, columns in VIEWS.items():
        op.create_index(
            name,
            "image_tag",
            columns,
            postgresql_where=sa.text(f"needs_review AND {columns[0]} IS NOT NULL"),
            sqlite_where=sa.text(f"needs_review = 1 AND {columns[0]} IS NOT NULL"),
        )
    op.create_index(
        "ix_source_object_of_product", "source_object", ["id"], postgresql_where=OF_PRODUCT, sqlite_where=OF_PRODUCT
    )
    op.create_index("ix_decision_audit", "decision", ["id"], postgresql_where=OF_AUDIT, sqlite_where=OF_AUDIT)
    with op.batch_alter_table("review_claim") as batch:
        for column, table in CLAIM.items():
            batch.drop_constraint(f"fk_review_claim_{column}_{table}", type_="foreignkey")
    for table, options in STORAGE.items():
        _set(table, "SET", ", ".join(f"{name} = {value}" for name, value in options.items()))


def downgrade() -> None:
    for table, options in STORAGE.items():
        _set(table, "RESET", ", ".join(options))
    op.execute("DELETE FROM review_claim")  # nobody loses more than that an image is his for ten minutes
    with op.batch_alter_table("review_claim") as batch:
        for column, table in CLAIM.items():
            batch.create_foreign_key(f"fk_review_claim_{column}_{table}", table, [column], ["id"])
    op.drop_index("ix_decision_audit", "decision")
    op.drop_index("ix_source_object_of_product", "source_object")
    for name in VIEWS:
        op.drop_index(name, "image_tag")


def _set(table: str, what: str, options: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} {what} ({options})")
