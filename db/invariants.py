"""Invariants of the catalogue: what `tagger verify` checks, and every fault test at its end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, exists, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from db import actors
from db.queue.leases import LEASE_S, MAX_BACKOFF_S
from db.schema import Classification, ImageTag, Run, SourceObject, TagEvent, WorkItem
from db.schema.vocabulary import OPEN_STATES
from db.session import sql_now

INVARIANTS = {
    "I1": "each scanned object version has exactly one item for each model and request",
    "I2": "at most one classification for an item",
    "I3": "an item is done if and only if it has a classification",
    "I4": "the fence only grows, and a result carries its claim's",
    "I5": "a human tag changes only by a human",
    "I6": "every open item becomes claimable within one lease or back-off",
    "I7": "the trail of tag events only grows and leads to the tag",
    "I8": "the states of a run's items add up to its counts",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One row that breaks one invariant."""

    invariant: str
    table: str
    row_id: int
    detail: str


def violations(session: Session) -> Iterator[Violation]:
    """Yield every row that breaks an invariant. Reads only."""
    for invariant, table, statement in _checks(session):
        for row_id, detail in session.execute(statement):
            yield Violation(invariant, table, row_id, str(detail))


def _checks(session: Session) -> Iterator[tuple[str, str, Select[Any, Any]]]:
    yield "I1", "source_object", _objects_without_work()
    yield "I1", "work_item", _items_twice()
    yield "I2", "work_item", _classified_twice()
    yield "I3", "work_item", _done_without_result()
    yield "I3", "work_item", _result_without_done()
    yield "I4", "work_item", _fence_off()
    yield "I5", "image_tag", _human_decisions_lost()
    yield "I6", "work_item", _stuck(session)
    yield "I7", "tag_event", _gaps_in_trail()
    yield "I7", "image_tag", _trail_ends_elsewhere()
    yield "I8", "run", _finished_with_open_items()
    for count, state in (("tagged", "done"), ("skipped", "skipped"), ("quarantined", "quarantined")):
        yield "I8", "run", _counts_off(count, state)


def _objects_without_work() -> Select[Any, Any]:
    """Select objects whose present version has no item. A superseded one is of an earlier stay of that version."""
    works = exists().where(
        WorkItem.object_id == SourceObject.id,
        WorkItem.version_token == SourceObject.version_token,
        or_(WorkItem.state != "skipped", WorkItem.reason.is_distinct_from("superseded")),
    )
    unqueued = select(SourceObject.id, literal("scanned, but never queued: ") + SourceObject.key)
    return unqueued.where(SourceObject.gone_at.is_(None), ~works)


def _items_twice() -> Select[Any, Any]:
    return (
        select(func.max(WorkItem.id), func.count())
        .group_by(WorkItem.object_id, WorkItem.model_version_id, WorkItem.version_token, WorkItem.request_id)
        .having(func.count() > 1)
    )


def _classified_twice() -> Select[Any, Any]:
    item = Classification.work_item_id
    return select(item, func.count()).group_by(item).having(func.count() > 1)


def _done_without_result() -> Select[Any, Any]:
    result = exists().where(Classification.work_item_id == WorkItem.id)
    return select(WorkItem.id, literal("done without a classification")).where(WorkItem.state == "done", ~result)


def _result_without_done() -> Select[Any, Any]:
    classified = select(WorkItem.id, literal("classified, but the item is ") + WorkItem.state).join(Classification)
    return classified.where(WorkItem.state != "done")


def _fence_off() -> Select[Any, Any]:
    detail = literal("the result was written under another claim than the last")
    return select(WorkItem.id, detail).join(Classification).where(Classification.fence != WorkItem.fence)


def _human_decisions_lost() -> Select[Any, Any]:
    """Select objects where a model's event follows a person's decision, or whose tag is not the last decision."""
    following = aliased(TagEvent)
    overruled = exists().where(
        following.object_id == TagEvent.object_id, following.seq == TagEvent.seq + 1, ~actors.is_person(following.actor)
    )
    is_last = ~exists().where(following.object_id == TagEvent.object_id, following.seq > TagEvent.seq)
    still_tagged = exists().where(
        ImageTag.object_id == TagEvent.object_id,
        ImageTag.source == "human",
        ImageTag.category == TagEvent.new["category"].as_string(),
    )
    return select(TagEvent.object_id, literal("replaced without a person: the decision of ") + TagEvent.actor).where(
        actors.is_person(TagEvent.actor),
        TagEvent.new["source"].as_string() == "human",
        or_(overruled, and_(is_last, ~still_tagged)),
    )


def _stuck(session: Session) -> Select[Any, Any]:
    leased_too_long = and_(WorkItem.state == "leased", WorkItem.eligible_at > sql_now(session, LEASE_S + 1))
    waits_too_long = and_(WorkItem.state == "pending", WorkItem.eligible_at > sql_now(session, 1.2 * MAX_BACKOFF_S + 1))
    orphaned = exists().where(Run.id == WorkItem.run_id, Run.state.in_(("finished", "cancelled")))
    return select(WorkItem.id, literal("open, but nobody will claim it in time: ") + WorkItem.state).where(
        WorkItem.state.in_(OPEN_STATES), or_(leased_too_long, waits_too_long, orphaned)
    )


def _gaps_in_trail() -> Select[Any, Any]:
    untagged = ~exists().where(ImageTag.object_id == TagEvent.object_id)
    return (
        select(func.max(TagEvent.id), literal("events, or the tag they lead to, are missing from an object's trail"))
        .group_by(TagEvent.object_id)
        .having(or_(func.max(TagEvent.seq) != func.count(), func.min(TagEvent.seq) != 1, untagged))
    )


def _trail_ends_elsewhere() -> Select[Any, Any]:
    last = exists().where(
        TagEvent.object_id == ImageTag.object_id,
        TagEvent.seq == ImageTag.version,
        TagEvent.new["category"].as_string() == ImageTag.category,
        TagEvent.new["source"].as_string() == ImageTag.source,
    )
    detail = literal("the tag is not what its last event says: ") + ImageTag.category
    return select(ImageTag.object_id, detail).where(~last)


def _finished_with_open_items() -> Select[Any, Any]:
    waiting = exists().where(WorkItem.run_id == Run.id, WorkItem.state.in_(OPEN_STATES))
    return select(Run.id, literal("finished with open items")).where(Run.state == "finished", waiting)


def _counts_off(count: str, state: str) -> Select[Any, Any]:
    items = select(func.count()).where(WorkItem.run_id == Run.id, WorkItem.state == state).scalar_subquery()
    differs = Run.counts[count].as_integer() != items
    detail = literal(f"{count} is not its number of items that are {state}")
    return select(Run.id, detail).where(Run.state == "finished", differs)
