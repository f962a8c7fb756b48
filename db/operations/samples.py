"""Samples of a plan's images: all of them, or some spread evenly over its order."""

from dataclasses import dataclass

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.orm import Session

from db.operations.plans import STEP
from db.schema import Plan, PlanItem, SourceObject

SAMPLE = 500
"""Images of a sample: enough to see what a model changes."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """An image of a plan, with the category that it had then."""

    position: int
    object_id: int
    bucket: str
    key: str
    version_token: str
    category: str | None


def some(session: Session, plan: Plan, size: int) -> list[Sampled]:
    """Return about `size` images of a plan; all of them if it has no more."""
    of_plan = PlanItem.plan_id == plan.id
    first, last = session.execute(select(func.min(PlanItem.position), func.max(PlanItem.position)).where(of_plan)).one()
    if first is None or plan.figures["images"] <= size:
        return page(session, plan, None, size)
    sampled = {}
    for number in range(size):
        position = first + (last - first) * number // size
        found = session.execute(_images(plan).where(PlanItem.position >= position).limit(1)).first()
        if found:
            sampled[found.object_id] = Sampled(*found)
    return list(sampled.values())


def page(session: Session, plan: Plan, after: Sampled | None, size: int = STEP) -> list[Sampled]:
    """Return the next `size` images of a plan after one of them."""
    images = _images(plan).limit(size)
    if after is not None:
        place = tuple_(PlanItem.position, PlanItem.object_id)
        images = images.where(place > tuple_(literal(after.position), literal(after.object_id)))
    return [Sampled(*row) for row in session.execute(images)]


def _images(plan: Plan) -> Select[int, int, str, str, str, str | None]:
    item, image = PlanItem, SourceObject
    columns = item.position, item.object_id, image.bucket, image.key, item.version_token, item.category
    joined = select(*columns).join(image, image.id == item.object_id)
    there = item.plan_id == plan.id, image.gone_at.is_(None), image.version_token == item.version_token
    return joined.where(*there).order_by(item.position, item.object_id)
