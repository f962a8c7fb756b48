"""Who came by single sign-on: a user's issuer and id there."""

import sqlalchemy as sa
from alembic import op

revision: str = "0016"
down_revision: str | None = "0015"


def upgrade() -> None:
    op.add_column("user", sa.Column("subject", sa.Text(), nullable=True))
    op.create_index("ix_user_subject", "user", ["subject"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_user_subject", "user")
    op.drop_column("user", "subject")
