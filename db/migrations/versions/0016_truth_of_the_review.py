"""Sessions, probes, second opinions, owners of categories, probabilities of audits; users of single sign-on."""

import sqlalchemy as sa
from alembic import op

from db.schema.columns import UtcTime

revision: str = "0016"
down_revision: str | None = "0013"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OUTCOME = "outcome IN ('category', 'not_ours', 'unreadable', 'skip')"
IS_AUDIT = "needs_review AND review_reason = 'audit'"
IS_OPEN = "second_id IS NULL"


def upgrade() -> None:
    op.add_column("user", sa.Column("subject", sa.Text(), nullable=True))
    op.create_index("ix_user_subject", "user", ["subject"], unique=True)
    op.add_column("classification", sa.Column("audit_share", sa.Double(), nullable=True))
    where = sa.text(IS_AUDIT)
    op.create_index("ix_image_tag_audit", "image_tag", ["object_id"], sqlite_where=where, postgresql_where=where)
    _sessions()
    _probes()
    _second_opinions()
    op.create_table(
        "category_owner",
        sa.Column("category", sa.Text(), nullable=False),
        _reference("category_owner", "user_id", "user"),
        sa.PrimaryKeyConstraint("category", "user_id", name="pk_category_owner"),
    )


def downgrade() -> None:
    for name in ("category_owner", "second_opinion", "probe"):
        op.drop_table(name)
    for name in ("ix_decision_user_id", "ix_decision_session_id"):
        op.drop_index(name, "decision")
    with op.batch_alter_table("decision") as batch:
        batch.drop_constraint("fk_decision_session_id_review_session", type_="foreignkey")
        batch.drop_column("session_id")
    op.drop_table("review_session")
    op.drop_index("ix_image_tag_audit", "image_tag")
    op.drop_column("classification", "audit_share")
    op.drop_index("ix_user_subject", "user")
    op.drop_column("user", "subject")


def _sessions() -> None:
    op.create_table(
        "review_session",
        sa.Column("id", ID, nullable=False),
        _reference("review_session", "user_id", "user"),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("last_at", UtcTime(), nullable=False),
        *(sa.Column(name, ID, nullable=False) for name in ("hurried", "probes", "found")),
        sa.PrimaryKeyConstraint("id", name="pk_review_session"),
    )
    op.create_index("ix_review_session_user_id", "review_session", ["user_id", "last_at"])
    with op.batch_alter_table("decision") as batch:
        batch.add_column(sa.Column("session_id", ID, nullable=True))
        batch.create_foreign_key("fk_decision_session_id_review_session", "review_session", ["session_id"], ["id"])
    op.create_index("ix_decision_session_id", "decision", ["session_id"])
    op.create_index("ix_decision_user_id", "decision", ["user_id", "decided_at"])


def _probes() -> None:
    op.create_table(
        "probe",
        sa.Column("id", ID, nullable=False),
        _reference("probe", "screen_id", "review_screen"),
        _reference("probe", "object_id", "source_object"),
        _reference("probe", "user_id", "user"),
        _reference("probe", "session_id", "review_session", nullable=True),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("truth", sa.Text(), nullable=False),
        sa.Column("shown_at", UtcTime(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("key", "outcome", "category")),
        sa.Column("found", sa.Boolean(), nullable=True),
        sa.Column("dwell_ms", ID, nullable=True),
        sa.Column("answered_at", UtcTime(), nullable=True),
        sa.CheckConstraint(OUTCOME, name=op.f("ck_probe_outcome")),
        sa.PrimaryKeyConstraint("id", name="pk_probe"),
        sa.UniqueConstraint("screen_id", "object_id", name="uq_probe_screen_id_object_id"),
        sa.UniqueConstraint("user_id", "key", name="uq_probe_user_id_key"),
    )
    for name in ("object_id", "session_id"):
        op.create_index(f"ix_probe_{name}", "probe", [name])


def _second_opinions() -> None:
    op.create_table(
        "second_opinion",
        sa.Column("id", ID, nullable=False),
        _reference("second_opinion", "object_id", "source_object"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        _reference("second_opinion", "first_id", "decision"),
        _reference("second_opinion", "second_id", "decision", nullable=True),
        sa.Column("agreed", sa.Boolean(), nullable=True),
        sa.CheckConstraint("kind IN ('colleague', 'double')", name=op.f("ck_second_opinion_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_second_opinion"),
    )
    for name in ("object_id", "first_id", "second_id"):
        op.create_index(f"ix_second_opinion_{name}", "second_opinion", [name])
    where = sa.text(IS_OPEN)
    name, columns = "uq_second_opinion_open", ["object_id"]
    op.create_index(name, "second_opinion", columns, unique=True, sqlite_where=where, postgresql_where=where)


def _reference(table: str, column: str, other: str, *, nullable: bool = False) -> sa.Column[int]:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.Column(column, ID, sa.ForeignKey(f"{other}.id", name=name), nullable=nullable)
