"""The review: screens of images that are claimed for a reviewer, and what people decided."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.columns import Base, partial_index
from db.schema.vocabulary import DRAWN, HOW, OPINIONS, OUTCOMES


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
    """An image that is with a reviewer until then. A row whose time is over is free for anybody.

    It has no foreign keys: to check both for each image of a screen took longer than to write the rows.
    """

    __tablename__ = "review_claim"
    __table_args__ = (Index("ix_review_claim_screen_id", "screen_id"),)

    object_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    screen_id: Mapped[int]
    expires_at: Mapped[datetime]


class ReviewSession(Base):
    """A stretch in which somebody reviewed without a long pause, and how carefully."""

    __tablename__ = "review_session"
    __table_args__ = (Index("ix_review_session_user_id", "user_id", "last_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    started_at: Mapped[datetime]
    last_at: Mapped[datetime]
    hurried: Mapped[int]  # sweeps that were settled in less time than one can look at them
    probes: Mapped[int]
    found: Mapped[int]


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
        Index("ix_decision_session_id", "session_id"),
        Index("ix_decision_user_id", "user_id", "decided_at"),
        partial_index("drawn = 'audit'", "ix_decision_audit", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]  # the client's: the same decision sent twice is recorded once
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"))
    screen_id: Mapped[int | None] = mapped_column(ForeignKey("review_screen.id"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("review_session.id"))
    outcome: Mapped[str]
    category: Mapped[str | None]
    seq: Mapped[int | None]  # the tag event it made; None for a skip or a second reading, which make none
    how: Mapped[str]
    drawn: Mapped[str]  # why the image was shown
    probability: Mapped[float | None]  # with which it was drawn for that
    suggested: Mapped[str | None]  # the category that was shown as the model's; None for a blind decision
    dwell_ms: Mapped[int | None]
    decided_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]


class Probe(Base):
    """A settled image that was shown to a reviewer with a wrong category, and what he said. It changes no tag."""

    __tablename__ = "probe"
    __table_args__ = (
        UniqueConstraint("screen_id", "object_id"),
        UniqueConstraint("user_id", "key"),
        CheckConstraint(f"outcome IN {OUTCOMES}", name="outcome"),
        Index("ix_probe_object_id", "object_id"),
        Index("ix_probe_session_id", "session_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    screen_id: Mapped[int] = mapped_column(ForeignKey("review_screen.id"))
    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("review_session.id"))
    shown: Mapped[str]  # the wrong category
    truth: Mapped[str]
    shown_at: Mapped[datetime]
    key: Mapped[str | None]  # the client's, as a decision's; None until it is answered
    outcome: Mapped[str | None]
    category: Mapped[str | None]
    found: Mapped[bool | None]
    dwell_ms: Mapped[int | None]
    answered_at: Mapped[datetime | None]


class SecondOpinion(Base):
    """An image that a second reviewer is shown without any suggestion; open until `second_id` is there.

    A colleague is asked instead of the first, who leaves it to him; a double is read again by chance, and its second
    reading changes no tag.
    """

    __tablename__ = "second_opinion"
    __table_args__ = (
        CheckConstraint(f"kind IN {OPINIONS}", name="kind"),
        partial_index("second_id IS NULL", "uq_second_opinion_open", "object_id", unique=True),
        Index("ix_second_opinion_object_id", "object_id"),
        Index("ix_second_opinion_first_id", "first_id"),
        Index("ix_second_opinion_second_id", "second_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"))
    kind: Mapped[str]
    probability: Mapped[float | None]  # with which it was drawn to be a double
    first_id: Mapped[int] = mapped_column(ForeignKey("decision.id"))
    second_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id"))
    agreed: Mapped[bool | None]


class CategoryOwner(Base):
    """A reviewer who is given the images of a category before others."""

    __tablename__ = "category_owner"

    category: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True, autoincrement=False)


class ImageComment(Base):
    """What somebody wrote at an image for others to read."""

    __tablename__ = "image_comment"
    __table_args__ = (UniqueConstraint("user_id", "key"), Index("ix_image_comment_object_id", "object_id", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]  # the client's, as a decision's
    object_id: Mapped[int] = mapped_column(ForeignKey("source_object.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    text: Mapped[str]
    at: Mapped[datetime]
