"""Bundles that tag, and which version of each name is promoted."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.columns import Base
from db.schema.vocabulary import PROMOTION_ACTIONS


class ModelVersion(Base):
    """A bundle that images were, or are to be, classified with."""

    __tablename__ = "model_version"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[str]
    location: Mapped[str | None]  # a folder, for bundles given by path
    registered_at: Mapped[datetime]

    @property
    def bundle_id(self) -> str:
        """The bundle's id, as the views show it."""
        return f"{self.name}@{self.version}"


class ModelPromotion(Base):
    """One change of the version that a bundle's name stands for: who, when, why. Append-only; the last one counts."""

    __tablename__ = "model_promotion"
    __table_args__ = (UniqueConstraint("name", "seq"), CheckConstraint(f"action IN {PROMOTION_ACTIONS}", name="action"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    seq: Mapped[int]  # 1, 2, 3 … under one name, unique: of two people who change it at once, one fails
    action: Mapped[str]
    model_version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))  # the promoted version from here on
    replaced_id: Mapped[int | None] = mapped_column(ForeignKey("model_version.id"))  # the one before
    actor: Mapped[str]  # see db.actors
    at: Mapped[datetime]
    forced: Mapped[bool]  # despite the comparison, or without one
    detail: Mapped[dict[str, Any]]  # the figures of the comparison, or why there are none
