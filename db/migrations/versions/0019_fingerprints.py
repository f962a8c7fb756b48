"""Fingerprints of pictures, and the log of acts."""

import sqlalchemy as sa
from alembic import op

from db.schema.columns import Id, UtcTime

revision: str = "0019"
down_revision: str | None = "0018"


def upgrade() -> None:
    op.add_column("classification", sa.Column("fingerprint", sa.LargeBinary(), nullable=True))
    op.create_table(
        "act",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("actor", "act")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("about", "address")),
        sa.PrimaryKeyConstraint("id", name="pk_act"),
    )


def downgrade() -> None:
    op.drop_table("act")
    op.drop_column("classification", "fingerprint")
