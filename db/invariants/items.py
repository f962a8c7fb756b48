"""The invariants of items: I1 to I4, I6 and I9."""

from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session

from db.queue.claims import QUEUES
from db.queue.leases import LEASE_S, MAX_BACKOFF_S
from db.schema import Classification, Run, SourceObject, WorkItem
from db.schema.vocabulary import OPEN_STATES
from db.session import sql_now

MAX_CLAIMS = 50
"""How often an item may be claimed for each failure, each crash and the first try; the fence counts the claims."""


def objects_without_work() -> Select[Any, Any]:
    """Select objects whose present version has no item. A superseded one is of an earlier stay of that version."""
    works = exists().where(
        WorkItem.object_id == SourceObject.id,
        WorkItem.version_token == SourceObject.version_token,
        or_(WorkItem.state != "skipped", WorkItem.reason.is_distinct_from("superseded")),
    )
    unqueued = select(SourceObject.id, literal("scanned, but never queued: ") + SourceObject.key)
    return unqueued.where(SourceObject.gone_at.is_(None), ~works)


def items_twice() -> Select[Any, Any]:
    return (
        select(func.max(WorkItem.id), func.count())
        .group_by(WorkItem.object_id, WorkItem.model_version_id, WorkItem.version_token, WorkItem.request_id)
        .having(func.count() > 1)
    )


def classified_twice() -> Select[Any, Any]:
    item = Classification.work_item_id
    return select(item, func.count()).group_by(item).having(func.count() > 1)


def done_without_result() -> Select[Any, Any]:
    result = exists().where(Classification.work_item_id == WorkItem.id)
    return select(WorkItem.id, literal("done without a classification")).where(WorkItem.state == "done", ~result)


def result_without_done() -> Select[Any, Any]:
    classified = select(WorkItem.id, literal("classified, but the item is ") + WorkItem.state).join(Classification)
    return classified.where(WorkItem.state != "done")


def fence_off() -> Select[Any, Any]:
    detail = literal("the result was written under another claim than the last")
    return select(WorkItem.id, detail).join(Classification).where(Classification.fence != WorkItem.fence)


def stuck(session: Session) -> Select[Any, Any]:
    leased_too_long = and_(WorkItem.state == "leased", WorkItem.eligible_at > sql_now(session, LEASE_S + 1))
    waits_too_long = and_(WorkItem.state == "pending", WorkItem.eligible_at > sql_now(session, 1.2 * MAX_BACKOFF_S + 1))
    orphaned = ~exists().where(Run.id == WorkItem.run_id, Run.state.not_in(("finished", "cancelled")))
    return select(WorkItem.id, literal("open, but nobody will claim it in time: ") + WorkItem.state).where(
        WorkItem.state.in_(OPEN_STATES), or_(leased_too_long, waits_too_long, orphaned)
    )


def claimed_too_often() -> ColumnElement[bool]:
    """Match open items that come back again and again, with nothing counted against them."""
    at_all = literal_column(f"work_item.fence > {MAX_CLAIMS}", type_=Boolean())  # an index has these
    counted = WorkItem.failures + WorkItem.crashes
    return and_(WorkItem.state.in_(OPEN_STATES), at_all, WorkItem.fence > MAX_CLAIMS * (1 + counted))


def claimed_in_vain() -> Select[Any, Any]:
    detail = literal("it is still open, and too little counts against it, after so many claims: ")
    return select(WorkItem.id, detail + cast(WorkItem.fence, Text)).where(claimed_too_often())


def unserved() -> Select[Any, Any]:
    detail = literal("it waits in a queue that no worker can serve: ") + WorkItem.queue
    return select(WorkItem.id, detail).where(WorkItem.state.in_(OPEN_STATES), WorkItem.queue.not_in(QUEUES))
