"""Retention: rows that nothing needs any more are removed, STEP at a time, from the oldest ids to the newest.

The last result of each image stays with its item, also of each model in use; so does all that people decided, with
what the models had said of these images; and enough of each tag's history to undo any run that is young enough.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from db import actors
from db.counts import NEEDS_REVIEW
from db.schema import (
    Base,
    Classification,
    Decision,
    LoginThrottle,
    NightNotice,
    Plan,
    PlanChange,
    PlanItem,
    Retention,
    ReviewClaim,
    ReviewScreen,
    Run,
    SourceObject,
    TagEvent,
    UserSession,
    WorkItem,
)
from db.schema.columns import table_of
from db.schema.vocabulary import FINAL_STATES, REPROCESS
from db.session import upsert
from db.tags import lock_objects

STEP = 1000
WINDOW = 5_000
"""The most ids that a statement looks through: most rows stay, and each is asked whether it may go."""
ENDED = ("finished", "cancelled", "failed")
_UNOPENED = ("planned", "scanning", "paused")


@dataclass(frozen=True, slots=True)
class Removed:
    """How many rows a step removed, and the id from which the next one goes on; None at the end."""

    rows: int
    after: int | None


def remove_items(session: Session, before: datetime, after: int) -> Removed:
    """Remove items that ended before then, with their results, if a newer one has taken their place."""
    item, used = WorkItem, session.execute(select(Run.model_version_id).where(Run.created_at >= before).distinct())
    gone = _replaced(list(used.scalars())), item.state.in_(FINAL_STATES), item.eligible_at < before, _of_ended_run()
    meant = select(item.id, item.object_id).join(SourceObject, SourceObject.id == item.object_id).where(*gone)
    page = session.execute(_window(meant, item.id, after)).all()
    lock_objects(session, [row.object_id for row in page])
    result = Classification
    columns = item.id, item.run_id, item.state, func.coalesce(result.needs_review, False).label("flagged")
    locked = select(*columns).outerjoin(result, result.work_item_id == item.id).join(SourceObject)
    locked = locked.where(item.id.in_([row.id for row in page]), *gone).order_by(item.id).with_for_update(of=item)
    removed = session.execute(locked).all() if page else []
    ids = [row.id for row in removed]
    for column in (table_of(result).c.work_item_id, table_of(item).c.id):
        session.execute(delete(column.table).where(column.in_(ids)))
    _count(session, removed)
    return Removed(len(ids), _next(session, item.id, after, [row.id for row in page]))


def remove_events(session: Session, before: datetime, after: int) -> Removed:
    """Remove the first events of tags that had been changed once more before then.

    What is left is a history without a gap, in which an event that an undo refers to, or of a person, has all that
    follows it.
    """
    event, following, kept = TagEvent, aliased(TagEvent), aliased(TagEvent)
    followed = exists().where(
        following.object_id == event.object_id, following.seq == event.seq + 1, following.at < before
    )
    stays = or_(actors.is_person(kept.actor), kept.at >= before)
    needed = or_(and_(kept.seq <= event.seq, stays), kept.new["origin"].as_integer() <= event.seq)
    gone = event.at < before, followed, ~exists().where(kept.object_id == event.object_id, needed)
    page = session.execute(_window(select(event.id, event.object_id).where(*gone), event.id, after)).all()
    ids = [row.id for row in page]
    if ids:
        lock_objects(session, [row.object_id for row in page])
        session.execute(delete(table_of(event)).where(table_of(event).c.id.in_(ids)))
        _note(session, table_of(event).name, before)
    return Removed(len(ids), _next(session, event.id, after, ids))


def remove_plans(session: Session, before: datetime, after: int) -> Removed:
    """Remove the images of plans that were made before then, and the plans, unless one is still being opened."""
    opened = exists().where(Run.logical_key == f"{REPROCESS}:" + Plan.code, Run.state.in_(_UNOPENED))
    old = select(Plan.id).where(Plan.created_at < before, Plan.id > after, ~opened).order_by(Plan.id).limit(1)
    plan_id = session.execute(old).scalar_one_or_none()
    if plan_id is None:
        return Removed(0, None)
    key = PlanItem.plan_id, PlanItem.position, PlanItem.object_id
    places = session.execute(select(*key).where(PlanItem.plan_id == plan_id).order_by(*key).limit(STEP)).all()
    if places:
        up_to = tuple_(*places[-1])
        session.execute(delete(PlanItem).where(PlanItem.plan_id == plan_id, tuple_(*key) <= up_to))
        return Removed(len(places), after)
    changes = select(PlanChange.object_id).where(PlanChange.plan_id == plan_id).order_by(PlanChange.object_id)
    if changed := list(session.execute(changes.limit(STEP)).scalars()):
        session.execute(delete(PlanChange).where(PlanChange.plan_id == plan_id, PlanChange.object_id <= changed[-1]))
        return Removed(len(changed), after)
    session.execute(delete(Plan).where(Plan.id == plan_id))
    return Removed(1, plan_id)


def remove_leftovers(session: Session, before: datetime, after: int) -> Removed:  # noqa: ARG001 -- as the others
    """Remove old notices of nights, screens without a trace, sessions and counted logins, up to STEP of each."""
    claimed = exists().where(ReviewClaim.screen_id == ReviewScreen.id)
    traceless = ~_referred_to(ReviewScreen), ~claimed
    old: tuple[tuple[type[Base], Any, ColumnElement[bool]], ...] = (
        (NightNotice, (NightNotice.night, NightNotice.notice), NightNotice.at < before),
        (ReviewScreen, (ReviewScreen.id,), and_(ReviewScreen.expires_at < before, *traceless)),
        (UserSession, (UserSession.id,), UserSession.expires_at < before),
        (LoginThrottle, (LoginThrottle.subject,), LoginThrottle.last_at < before),
    )
    rows, is_last = 0, True
    for row, key, condition in old:
        some = session.execute(select(*key).where(condition).limit(STEP)).all()
        session.execute(delete(row).where(tuple_(*key).in_([tuple(found) for found in some])))
        rows, is_last = rows + len(some), is_last and len(some) < STEP
    return Removed(rows, None if is_last else 0)


Step = Callable[[Session, datetime, int], Removed]
STEPS: dict[str, Step] = {
    "items": remove_items,
    "events": remove_events,
    "plan_images": remove_plans,
    "leftovers": remove_leftovers,
}
"""What goes, by the name under which it is counted."""


def _replaced(used: list[int]) -> ColumnElement[bool]:
    """Match items in whose place a newer one of the image stands: one that was done, or ended the same way.

    It is of the same version of the image, or of the present one; and of the same model, unless that of the older one
    is no longer in use: else a scan would believe that this model has never had the image.
    """
    item, newer = WorkItem, aliased(WorkItem)
    is_newer = newer.object_id == item.object_id, newer.id > item.id, newer.run_id >= item.run_id
    same_model = or_(newer.model_version_id == item.model_version_id, item.model_version_id.not_in(used))
    same_end = and_(newer.state == item.state, newer.reason.is_not_distinct_from(item.reason))
    of_version = newer.version_token.in_((item.version_token, SourceObject.version_token))
    replaced = exists().where(*is_newer, of_version, same_model, or_(newer.state == "done", same_end))
    decided = exists().where(Decision.object_id == item.object_id)
    return and_(replaced, ~decided)


def _of_ended_run() -> ColumnElement[bool]:
    return exists().where(Run.id == WorkItem.run_id, Run.state.in_(ENDED))


def _window(meant: Any, key: Any, after: int) -> Any:
    return meant.where(key > after, key <= after + WINDOW).order_by(key).limit(STEP)


def _next(session: Session, key: Any, after: int, ids: list[int]) -> int | None:
    """Return where to go on behind a page."""
    if len(ids) == STEP:
        return ids[-1]
    last = session.execute(select(func.max(key))).scalar_one() or 0
    return after + WINDOW if after + WINDOW < last else None


def _count(session: Session, removed: Any) -> None:
    """Add what was removed to the counts of the runs, which so keep what came of them."""
    counts: dict[int, Counter[str]] = {}
    for row in removed:
        counts.setdefault(row.run_id, Counter()).update([row.state, *[NEEDS_REVIEW] * row.flagged])
    of_these = select(Run).where(Run.id.in_(counts)).order_by(Run.id).with_for_update()
    for run in session.execute(of_these.execution_options(populate_existing=True)).scalars() if counts else ():
        run.counts = run.counts | {"removed": dict(Counter(run.counts.get("removed", {})) + counts[run.id])}


def _note(session: Session, of: str, before: datetime) -> None:
    statement = upsert(session, Retention).values(of=of, until=before)
    further = Retention.until < statement.excluded.until
    session.execute(
        statement.on_conflict_do_update(index_elements=["of"], set_={"until": statement.excluded.until}, where=further)
    )


def _referred_to(row: type[Base]) -> ColumnElement[bool]:
    """Match rows that any other table refers to, by a foreign key."""
    table = table_of(row)
    keys = [key for other in Base.metadata.tables.values() for key in other.foreign_keys if key.column.table is table]
    return or_(~true(), *(exists().where(key.parent == key.column) for key in keys))
