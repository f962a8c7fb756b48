"""What a plan would change, image by image, as its comparison found it, so that people look at it before it happens."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.schema import Plan, PlanChange
from db.session import upsert


@dataclass(frozen=True, slots=True)
class Change:
    """An image, its category, and what the model of the plan says, how surely in 1e-4."""

    object_id: int
    before: str
    becomes: str
    confidence: int


def note(session: Session, plan_id: int, changes: Sequence[Change]) -> None:
    """Keep changes of a plan; what an earlier comparison said of the same images is replaced."""
    if not changes:
        return
    statement = upsert(session, PlanChange)
    said = {name: statement.excluded[name] for name in ("before", "becomes", "confidence")}
    rows = [{"plan_id": plan_id} | asdict(change) for change in changes]
    session.execute(statement.on_conflict_do_update(index_elements=["plan_id", "object_id"], set_=said), rows)


def of(session: Session, code: str, object_ids: Collection[int]) -> dict[int, Change]:
    """Return what the plan with this code would change of these images."""
    change = PlanChange
    columns = change.object_id, change.before, change.becomes, change.confidence
    found = select(*columns).join(Plan, Plan.id == change.plan_id).where(Plan.code == code)
    rows = session.execute(found.where(change.object_id.in_(object_ids)))
    return {row.object_id: Change(*row) for row in rows}
