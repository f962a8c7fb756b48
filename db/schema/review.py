"""The review: screens of images that are claimed for a reviewer, and what people decided."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.columns import Base
from db.schema.vocabulary import DRAWN, HOW, OUTCOMES


class ReviewScreen(Base):
    """A screenful of images that were given to one reviewer together."""

    __tablename__ = "review_screen"
    __table_args__ = (Index("ix_review_screen_user_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    mode: Mapped[str]
    filters: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class ReviewClaim(Base):
    """An image that is with a reviewer until then. A row whose time is over is free for anybody."""

    __tablename__ = "review_claim"
    __table_args__ = (Index("ix_review_claim_screen_id", "screen_id"),)

    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"), primary_key=True, autoincrement=False)
    screen_id: Mapped[int] = mapped_column(ForeignKey("review_screen.id"))
    expires_at: Mapped[datetime]


class Decision(Base):
    """What a person decided about one image, and under what circumstances, which cannot be reconstructed later."""

    __tablename__ = "decision"
    __table_args__ = (
        UniqueConstraint("user_id", "key"),
        CheckConstraint(f"outcome IN {OUTCOMES}", name="outcome"),
        CheckConstraint(f"how IN {HOW}", name="how"),
        CheckConstraint(f"drawn IN {DRAWN}", name="drawn"),
        Index("ix_decision_object_id", "object_id", "id"),
        Index("ix_decision_screen_id", "screen_id"),
        Index("ix_decision_key", "key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]  # the client's: the same decision sent twice is recorded once
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"))
    screen_id: Mapped[int | None] = mapped_column(ForeignKey("review_screen.id"))
    outcome: Mapped[str]
    category: Mapped[str | None]
    seq: Mapped[int | None]  # the tag event it made; None for a skip, which makes none
    how: Mapped[str]
    drawn: Mapped[str]  # why the image was shown
    probability: Mapped[float | None]  # with which it was drawn for that
    suggested: Mapped[str | None]  # the category that was shown as the model's; None for a blind decision
    dwell_ms: Mapped[int | None]
    decided_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
