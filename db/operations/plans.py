"""Plans: the images that a selection means, frozen as a dry run found them, so that exactly these are classified again.

Freezing reads and writes at most STEP images a statement. Images that people tagged are counted and left out.
"""

import secrets
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, extract, func, insert, literal, select, update
from sqlalchemy.orm import Session

from db import CatalogueError
from db.operations.selection import Part, Selection
from db.schema import ImageTag, ModelVersion, Plan, PlanItem, SourceObject, WorkItem
from db.schema.columns import table_of
from db.session import sql_now, upsert

STEP = 1000


class NoSuchPlan(CatalogueError):
    """No plan has that code, or making it was interrupted."""


@dataclass(slots=True)
class Found:
    """What freezing has found. The counts of categories and states leave out the images that have none."""

    human_left_alone: int
    images: int = 0
    by_category: Counter[str] = field(default_factory=Counter)
    by_state: Counter[str] = field(default_factory=Counter)
    untagged: int = 0


def find(session: Session, code: str) -> Plan:
    """Return the plan with this code. Raises NoSuchPlan."""
    plan = session.execute(select(Plan).where(Plan.code == code)).scalar_one_or_none()
    if plan is None:
        raise NoSuchPlan(f"there is no plan {code}; `tagger reprocess … --dry-run` makes one")
    if plan.frozen_at is None:
        raise NoSuchPlan(f"the plan {code} is not complete, as making it was interrupted; make another")
    return plan


def begin(
    session: Session, selection: Selection, model: ModelVersion, *, requested_by: str, newest_first: bool
) -> Plan:
    """Make the row of a plan, with a short code that nobody has yet."""
    row: dict[str, Any] = {
        "selection": selection.as_dict(),
        "model_version_id": model.id,
        "requested_by": requested_by,
        "newest_first": newest_first,
        "up_to_object": select(func.coalesce(func.max(SourceObject.id), 0)).scalar_subquery(),
        "figures": {},
        "created_at": sql_now(session),
    }
    digits = 4
    while True:
        code = f"P-{secrets.token_hex(8)[:digits]}"
        made = upsert(session, Plan).values(row | {"code": code}).on_conflict_do_nothing().returning(Plan.id)
        plan_id = session.execute(made).scalar_one_or_none()
        if plan_id is not None:
            return session.get_one(Plan, plan_id)
        digits = min(digits + 1, 16)


def freeze_some(session: Session, plan: Plan, selection: Selection, part: Part) -> Part | None:
    """Freeze up to STEP images of a part; returns what is left of it, None at the end."""
    state = select(WorkItem.state).where(WorkItem.object_id == SourceObject.id).order_by(WorkItem.id.desc()).limit(1)
    age = -cast(extract("epoch", SourceObject.last_modified), BigInteger)
    columns = (
        literal(plan.id),
        age if plan.newest_first else SourceObject.id,
        SourceObject.id,
        SourceObject.version_token,
        ImageTag.category,
        state.correlate(SourceObject).scalar_subquery(),
    )
    matching = part.images(*columns).where(*_meant(plan, selection, part))
    matching = matching.where(ImageTag.source.is_distinct_from("human")).order_by(SourceObject.id).limit(STEP)
    items = table_of(PlanItem)
    names = ("plan_id", "position", "object_id", "version_token", "category", "state")
    object_ids = (
        session.execute(insert(items).from_select(names, matching).returning(items.c.object_id)).scalars().all()
    )
    return replace(part, after=max(object_ids)) if len(object_ids) == STEP else None


def count(session: Session, plan_id: int, *, human_left_alone: int) -> Found:
    """Count the images of a plan by category and by state."""
    found, item = Found(human_left_alone), PlanItem
    groups = select(item.category, item.state, func.count()).where(item.plan_id == plan_id)
    for category, state, images in session.execute(groups.group_by(item.category, item.state)):
        found.images += images
        found.untagged += images if category is None else 0
        found.by_category.update({category: images} if category is not None else {})
        found.by_state.update({state: images} if state is not None else {})
    return found


def count_human(session: Session, plan: Plan, selection: Selection, part: Part) -> int:
    """Count the images of a part that are meant, but have a tag that a person gave."""
    decided = part.images(func.count()).where(ImageTag.source == "human", *_meant(plan, selection, part))
    return int(session.execute(decided).scalar_one())


def count_new(session: Session, plan: Plan) -> int:
    """Count the images that came after the plan was made and would belong to it."""
    if "keys" in plan.selection:  # of a list of keys nothing is new
        return 0
    came = Part(after=plan.up_to_object)
    selection = Selection.from_dict(plan.selection)
    counted = came.images(func.count()).where(*selection.conditions(plan.model_version_id, came))
    return int(session.execute(counted).scalar_one())


def finish(session: Session, plan_id: int, figures: dict[str, Any]) -> None:
    """Note that the plan is complete, and what people want to know of it."""
    session.execute(update(Plan).where(Plan.id == plan_id).values(frozen_at=sql_now(session), figures=figures))


def add_figures(session: Session, plan_id: int, figures: dict[str, Any]) -> Plan:
    """Add to what is known of a plan; returns it."""
    plan = session.get_one(Plan, plan_id)
    plan.figures = plan.figures | figures
    return plan


def _meant(plan: Plan, selection: Selection, part: Part) -> list[ColumnElement[bool]]:
    return [SourceObject.id <= plan.up_to_object, *selection.conditions(plan.model_version_id, part)]
