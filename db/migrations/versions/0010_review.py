"""Screens, decisions, sessions and tokens. Nothing wrote to the tables of people before, so they are made anew."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from db.schema.columns import UtcTime

revision: str = "0010"
down_revision: str | None = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BEFORE = ("review_claim", "api_token", "user")
SINCE = ("decision", "review_claim", "review_screen", "login_throttle", "api_token", "user_session", "user")

# An image that people said has no category of ours, with an empty one, has no vote.
PRODUCT_TAGS = """
CREATE VIEW product_tags AS
WITH votes AS (
    SELECT o.bucket, o.product_id, t.category,
           sum(t.confidence) AS weight,
           sum(CASE WHEN t.source = 'human' THEN 1 ELSE 0 END) AS people
    FROM image_tag t JOIN source_object o ON o.id = t.object_id
    WHERE o.gone_at IS NULL AND o.product_id IS NOT NULL{voting}
    GROUP BY o.bucket, o.product_id, t.category
), totals AS (
    SELECT o.bucket, o.product_id, count(*) AS images,
           sum(CASE WHEN t.needs_review THEN 1 ELSE 0 END) AS images_to_review,
           max(t.tagged_at) AS tagged_at
    FROM image_tag t JOIN source_object o ON o.id = t.object_id
    WHERE o.gone_at IS NULL AND o.product_id IS NOT NULL{voting}
    GROUP BY o.bucket, o.product_id
), ranked AS (
    SELECT v.*, row_number() OVER (
        PARTITION BY v.bucket, v.product_id ORDER BY v.people DESC, v.weight DESC, v.category
    ) AS place
    FROM votes v
)
SELECT r.bucket, r.product_id, r.category,
       round(r.weight / 10000.0 / n.images, 4) AS confidence,
       n.images, n.images_to_review, n.tagged_at
FROM ranked r JOIN totals n ON n.bucket = r.bucket AND n.product_id = r.product_id
WHERE r.place = 1
"""


def upgrade() -> None:
    for name in BEFORE:
        op.drop_table(name)
    _users("user_session")
    op.create_table(
        "user_session",
        *_columns(
            id=ID,
            user_id=ID,
            purpose=sa.Text(),
            token_hash=sa.Text(),
            created_at=UtcTime(),
            expires_at=UtcTime(),
            agent=sa.Text(),
        ),
        sa.CheckConstraint("purpose IN ('login', 'password')", name=op.f("ck_user_session_purpose")),
        *_keys("user_session", user_id="user"),
        sa.UniqueConstraint("token_hash", name="uq_user_session_token_hash"),
    )
    op.create_index("ix_user_session_user_id", "user_session", ["user_id"])
    op.create_table(
        "api_token",
        *_columns(
            id=ID, user_id=ID, token_hash=sa.Text(), scopes=sa.Text(), created_at=UtcTime(), expires_at=UtcTime()
        ),
        *_keys("api_token", user_id="user"),
        sa.UniqueConstraint("token_hash", name="uq_api_token_token_hash"),
    )
    op.create_table(
        "login_throttle",
        *_columns(subject=sa.Text(), failures=ID, last_at=UtcTime(), blocked_until=UtcTime()),
        sa.PrimaryKeyConstraint("subject", name="pk_login_throttle"),
    )
    _screens_and_claims()
    _decisions()
    _index_tags(since=True)
    _replace_view(" AND t.category <> ''")


def downgrade() -> None:
    _replace_view("")
    _index_tags(since=False)
    for name in SINCE:
        op.drop_table(name)
    _users(None)
    op.create_table(
        "api_token",
        *_columns(id=ID, user_id=ID, label=sa.Text(), token_hash=sa.Text(), created_at=UtcTime()),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        *_keys("api_token", user_id="user"),
        sa.UniqueConstraint("token_hash", name="uq_api_token_token_hash"),
    )
    op.create_table(
        "review_claim",
        sa.Column("object_id", ID, autoincrement=False, nullable=False),
        *_columns(user_id=ID, expires_at=UtcTime()),
        *_keys("review_claim", "object_id", object_id="source_object", user_id="user"),
    )


def _users(since: str | None) -> None:
    roles = [sa.CheckConstraint("role IN ('viewer', 'reviewer', 'operator', 'admin')", name=op.f("ck_user_role"))]
    op.create_table(
        "user",
        *_columns(id=ID, name=sa.Text(), role=sa.Text()),
        sa.Column("password_hash", sa.Text(), nullable=since is not None),
        *_columns(created_at=UtcTime()),
        sa.Column("disabled_at", UtcTime(), nullable=True),
        *(roles if since else []),
        *_keys("user"),
        sa.UniqueConstraint("name", name="uq_user_name"),
    )


def _screens_and_claims() -> None:
    op.create_table(
        "review_screen",
        *_columns(id=ID, user_id=ID, mode=sa.Text(), filters=sa.JSON(), created_at=UtcTime(), expires_at=UtcTime()),
        *_keys("review_screen", user_id="user"),
    )
    op.create_index("ix_review_screen_user_id", "review_screen", ["user_id"])
    op.create_table(
        "review_claim",
        sa.Column("object_id", ID, autoincrement=False, nullable=False),
        *_columns(screen_id=ID, expires_at=UtcTime()),
        *_keys("review_claim", "object_id", object_id="source_object", screen_id="review_screen"),
    )
    op.create_index("ix_review_claim_screen_id", "review_claim", ["screen_id"])


def _decisions() -> None:
    op.create_table(
        "decision",
        *_columns(id=ID, key=sa.Text(), user_id=ID, object_id=ID),
        sa.Column("screen_id", ID, nullable=True),
        *_columns(outcome=sa.Text()),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("seq", ID, nullable=True),
        *_columns(how=sa.Text(), drawn=sa.Text()),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("suggested", sa.Text(), nullable=True),
        sa.Column("dwell_ms", ID, nullable=True),
        *_columns(decided_at=UtcTime()),
        sa.Column("undone_at", UtcTime(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('category', 'not_ours', 'unreadable', 'skip')", name=op.f("ck_decision_outcome")
        ),
        sa.CheckConstraint(
            "how IN ('single', 'sweep', 'pair', 'product', 'bulk', 'import', 'api')", name=op.f("ck_decision_how")
        ),
        sa.CheckConstraint("drawn IN ('flag', 'audit', 'colleague', 'search')", name=op.f("ck_decision_drawn")),
        *_keys("decision", user_id="user", object_id="source_object", screen_id="review_screen"),
        sa.UniqueConstraint("user_id", "key", name="uq_decision_user_id_key"),
    )
    op.create_index("ix_decision_object_id", "decision", ["object_id", "id"])
    op.create_index("ix_decision_screen_id", "decision", ["screen_id"])
    op.create_index("ix_decision_key", "decision", ["key"])


def _columns(**types: Any) -> list[sa.Column[Any]]:
    return [sa.Column(name, type_, nullable=False) for name, type_ in types.items()]


def _keys(table: str, primary: str = "id", **references: str) -> list[sa.Constraint]:
    foreign = [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")
        for column, other in references.items()
    ]
    return [sa.PrimaryKeyConstraint(primary, name=f"pk_{table}"), *foreign]


def _index_tags(*, since: bool) -> None:
    op.drop_index("ix_image_tag_review", "image_tag")
    op.drop_index("ix_image_tag_category", "image_tag")
    op.create_index("ix_image_tag_category", "image_tag", ["category", *(["object_id"] if since else [])])
    of_flagged: dict[str, Any] = {
        "postgresql_where": sa.text("needs_review"),
        "sqlite_where": sa.text("needs_review = 1" if since else "needs_review"),
    }
    op.create_index("ix_image_tag_review", "image_tag", ["confidence", "object_id"], **of_flagged)
    if since:
        columns = ["category", "confidence", "object_id"]
        op.create_index("ix_image_tag_review_category", "image_tag", columns, **of_flagged)
    else:
        op.drop_index("ix_image_tag_review_category", "image_tag")


def _replace_view(voting: str) -> None:
    op.execute("DROP VIEW product_tags")
    op.execute(PRODUCT_TAGS.format(voting=voting))
