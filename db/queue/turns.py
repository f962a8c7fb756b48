"""Turns: which run, or which store of a run over several, comes next. Each first item is a step in an index."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Text, and_, join, literal, null, or_, select, true, union_all
from sqlalchemy.orm import Session, aliased

from db.objects import buckets
from db.queue.throttle import bucket_of
from db.schema import Run, WorkItem
from db.schema.work import SEVERAL
from db.session import sql_now

HELD_RUNS = ("paused", "cancelled", "finished")
IN_TURN = (WorkItem.priority, WorkItem.eligible_at, WorkItem.id)
First = Row[*tuple[Any, ...]]
_WAITING = aliased(WorkItem)
"""Made once, as making it is most of what such a statement costs its sender."""


def first_in_turn(
    session: Session,
    queue: str,
    run_id: int | None,
    held: Collection[str],
    limit: int | None = None,
    only: ColumnElement[bool] | None = None,
) -> list[First]:
    """List the first waiting item of each run that is worked on, in the order of their turn.

    Of a run over several stores, one of which is held, it is the first item of each of the others. Each is the first
    row of its part of an index, however much waits in runs and stores that are held, or for other models.
    """
    conditions = [] if only is None else [only]
    conditions += [] if run_id is None else [Run.id == run_id]
    statements = [_first_of_runs(session, queue, held)]
    others = [bucket for bucket in buckets(session) if bucket not in held] if held else []
    statements += [_first_of_stores(session, queue, others)] if others else []
    found: list[First] = []
    for statement in statements:
        found += session.execute(statement.where(*conditions).order_by(*IN_TURN).limit(limit)).all()
    return sorted(found, key=lambda first: (first.priority, first.eligible_at, first.id))[:limit]


def with_first(session: Session, queue: str, first: First, held: Collection[str]) -> list[ColumnElement[bool]]:
    """Match what waits with the first item of a run, or of one store in a run over several."""
    of_run = WorkItem.run_id == first.run_id
    if first.of_store is not None:
        return [*due(session, queue, "pending", ()), of_run, WorkItem.bucket == first.of_store]
    return [*due(session, queue, "pending", held), of_run]


def of_store(
    session: Session, queue: str, run_id: int, bucket: str, held: Collection[str]
) -> list[ColumnElement[bool]]:
    """Match what waits in a run: where another store of its is held, in this one alone, by the index of stores."""
    several = select(Run.id).where(Run.id == run_id, Run.bucket == SEVERAL)
    if held and bucket not in held and session.execute(several).first() is not None:
        return [*due(session, queue, "pending", ()), WorkItem.run_id == run_id, WorkItem.bucket == bucket]
    return [*due(session, queue, "pending", held), WorkItem.run_id == run_id]


def due(
    session: Session, queue: str, state: str, held: Collection[str], item: type[WorkItem] = WorkItem
) -> list[ColumnElement[bool]]:
    conditions = [item.state == state, item.queue == queue, item.eligible_at <= sql_now(session)]
    return [*conditions, bucket_of(item).not_in(held)] if held else conditions


def worked_on(held: Collection[str]) -> ColumnElement[bool]:
    """Match runs that are worked on, but for those of a store that is held."""
    of_others = or_(Run.bucket.is_(None), Run.bucket.not_in(held)) if held else true()
    return and_(Run.state.not_in(HELD_RUNS), of_others)


def _first_of_runs(session: Session, queue: str, held: Collection[str]) -> Select[Any]:
    item = _WAITING
    waiting = select(item.id).where(item.run_id == Run.id, *due(session, queue, "pending", held, item)).correlate(Run)
    in_one_store = or_(Run.bucket.is_(None), Run.bucket != SEVERAL) if held else true()
    return _firsts(Run, waiting, item, null()).where(worked_on(held), in_one_store)


def _first_of_stores(session: Session, queue: str, others: Sequence[str]) -> Select[Any]:
    item = _WAITING
    store = union_all(*(select(literal(bucket, Text).label("bucket")) for bucket in others)).subquery("store")
    of_store = item.run_id == Run.id, item.bucket == store.c.bucket
    waiting = select(item.id).where(*of_store, *due(session, queue, "pending", (), item)).correlate(Run, store)
    several = _firsts(join(Run, store, true()), waiting, item, store.c.bucket)
    return several.where(worked_on(()), Run.bucket == SEVERAL)


def _firsts(runs: Any, waiting: Select[int], item: type[WorkItem], store: ColumnElement[Any]) -> Select[Any]:
    first = waiting.order_by(item.priority, item.eligible_at, item.id).limit(1).scalar_subquery()
    columns = WorkItem.run_id, WorkItem.model_version_id, *IN_TURN, store.label("of_store")
    return select(*columns).select_from(join(runs, WorkItem, WorkItem.id == first))
