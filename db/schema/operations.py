"""What people who operate leave behind: notes at runs, the images that a dry run has frozen, and what is kept."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.columns import Base


class RunNote(Base):
    """A sentence at a run: why it was opened, paused, resumed or cancelled, or what people should know of it."""

    __tablename__ = "run_note"
    __table_args__ = (Index("ix_run_note_run_id", "run_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    action: Mapped[str]  # one of NOTE_ACTIONS
    text: Mapped[str]
    actor: Mapped[str]  # see db.actors
    at: Mapped[datetime]


class Plan(Base):
    """A set of images to classify again, as a dry run found them."""

    __tablename__ = "plan"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)  # what people type: P-7f3a
    selection: Mapped[dict[str, Any]]
    model_version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))
    requested_by: Mapped[str]
    newest_first: Mapped[bool]
    up_to_object: Mapped[int]  # images with a greater id came after the plan was made
    figures: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    frozen_at: Mapped[datetime | None]  # None: making it was interrupted, so it cannot be opened


class PlanItem(Base):
    """An image of a plan, as it was then. No foreign keys: they cost as much as the rows, and images are forgotten."""

    __tablename__ = "plan_item"

    plan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # in the order of the work
    object_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version_token: Mapped[str]
    category: Mapped[str | None]
    state: Mapped[str | None]


class Retention(Base):
    """How far old rows of a kind were removed, as far as nothing needs them: what is older than this may be missing."""

    __tablename__ = "retention"

    of: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]


class PlanChange(Base):
    """An image of a plan that its model, when it was compared, said to be of another category than its tag. No foreign
    keys, as at PlanItem.
    """

    __tablename__ = "plan_change"
    __table_args__ = (Index("ix_plan_change_becomes", "plan_id", "becomes", "confidence", "object_id"),)

    plan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    object_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    before: Mapped[str]
    becomes: Mapped[str]
    confidence: Mapped[int]
