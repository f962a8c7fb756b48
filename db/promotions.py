"""Promotions: which version of a bundle its name alone stands for, since when and by whom.

The history of a name only grows, one number at a time. Whoever adds to it passes the standing that the decision was
made on; if somebody else was quicker, nothing is written. So each promotion was compared with what it replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session, aliased

from db import CatalogueError
from db.schema import ModelPromotion, ModelVersion
from db.session import sql_now, upsert


class PromotionOvertaken(CatalogueError):
    """Somebody else changed what the name stands for in the meantime; nothing was recorded."""


class NothingBefore(CatalogueError):
    """There is no earlier version to go back to."""


@dataclass(frozen=True, slots=True)
class Change:
    """One promotion or rollback, from which on `model` was the promoted version."""

    seq: int
    action: str
    model: ModelVersion
    replaced: ModelVersion | None
    actor: str
    at: datetime
    forced: bool
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a name stands for: its last change, if any, and the version that a rollback would return to."""

    name: str
    last: Change | None = None
    before: ModelVersion | None = None

    @property
    def seq(self) -> int:
        return self.last.seq if self.last else 0

    @property
    def model(self) -> ModelVersion | None:
        """The promoted version."""
        return self.last.model if self.last else None


def history(session: Session, name: str) -> list[Change]:
    """List every change under a name, the oldest first."""
    replaced = aliased(ModelVersion)
    rows = session.execute(
        select(ModelPromotion, ModelVersion, replaced)
        .join(ModelVersion, ModelVersion.id == ModelPromotion.model_version_id)
        .outerjoin(replaced, replaced.id == ModelPromotion.replaced_id)
        .where(ModelPromotion.name == name)
        .order_by(ModelPromotion.seq)
    ).all()
    return [
        Change(row.seq, row.action, model, old, row.actor, row.at, row.forced, row.detail) for row, model, old in rows
    ]


def standing(session: Session, name: str) -> Standing:
    """Return what a name stands for now."""
    return standing_after(name, history(session, name))


def standing_after(name: str, changes: Sequence[Change]) -> Standing:
    """Follow the changes: a promotion adds a version to a stack, a rollback takes one off, so two go back two steps."""
    stack: list[ModelVersion] = []
    for change in changes:
        if change.action == "rollback":
            stack.pop()
            continue
        if not stack and change.replaced is not None:
            stack.append(change.replaced)
        stack.append(change.model)
    return Standing(name, changes[-1] if changes else None, stack[-2] if len(stack) > 1 else None)


def promoted(session: Session) -> dict[str, ModelVersion]:
    """Return the promoted version of each name that has one."""
    last = select(ModelPromotion.name, func.max(ModelPromotion.seq)).group_by(ModelPromotion.name)
    models = (
        select(ModelVersion)
        .join(ModelPromotion, ModelPromotion.model_version_id == ModelVersion.id)
        .where(tuple_(ModelPromotion.name, ModelPromotion.seq).in_(last))
    )
    return {model.name: model for model in session.execute(models).scalars()}


def promote(
    session: Session,
    seen: Standing,
    model: ModelVersion,
    *,
    actor: str,
    instead_of: ModelVersion | None = None,
    forced: bool = False,
    detail: dict[str, Any] | None = None,
) -> None:
    """Make `model` what its name stands for; `instead_of` is what it stood for, if nothing was promoted before.

    Raises PromotionOvertaken when `seen` is no longer current.
    """
    replaced = seen.model or instead_of
    _append(session, seen, "promote", model, replaced, actor=actor, forced=forced, detail=detail or {})


def roll_back(session: Session, seen: Standing, *, actor: str) -> ModelVersion:
    """Make the version before the promoted one what the name stands for; returns it.

    Raises NothingBefore, and PromotionOvertaken when `seen` is no longer current.
    """
    if seen.before is None:
        held = "nothing is promoted" if seen.model is None else "nothing was promoted before what is promoted now"
        raise NothingBefore(f"{seen.name}: {held}; name a version with `tagger model promote`")
    _append(session, seen, "rollback", seen.before, seen.model, actor=actor, forced=False, detail={})
    return seen.before


def _append(
    session: Session, seen: Standing, action: str, model: ModelVersion, replaced: ModelVersion | None, **values: Any
) -> None:
    row = values | {
        "name": seen.name,
        "seq": seen.seq + 1,
        "action": action,
        "model_version_id": model.id,
        "replaced_id": replaced.id if replaced else None,
        "at": sql_now(session),
    }
    added = upsert(session, ModelPromotion).values(row).on_conflict_do_nothing(index_elements=["name", "seq"])
    if session.execute(added.returning(ModelPromotion.id)).scalar_one_or_none() is None:
        raise PromotionOvertaken(
            f"somebody else changed what {seen.name} stands for at the same moment; "
            f"look with `tagger model show {seen.name}`, then try again"
        )
