"""Turns: which run, or which store of a run over several, comes next. Each first item is a step in an index.

To build a statement costs its sender more than to run it, and each one sent costs as much as its answer. So a look is
one statement, and all are kept by what is sought: only what each claim has anew is a parameter of theirs.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Dialect,
    Integer,
    Row,
    Select,
    Text,
    and_,
    cast,
    join,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from db.objects import buckets
from db.queue.throttle import bucket_of
from db.schema import Run, Throttle, WorkItem
from db.schema.work import SEVERAL
from db.session import sql_now

HELD_RUNS = ("paused", "cancelled", "finished")
IN_TURN = (WorkItem.priority, WorkItem.eligible_at, WorkItem.id)
KEPT = 256
"""So many statements of a kind are kept: those of the runs, stores and models that were last sought."""
First = Row[*tuple[Any, ...]]
_WAITING = aliased(WorkItem)
"""Made once, as making it is most of what such a statement costs its sender."""


class Sought(NamedTuple):
    """Which items are sought. Those of stores that are held are none of them."""

    dialect: Dialect
    queue: str
    held: tuple[str, ...] = ()
    run_id: int | None = None
    of_store: str | None = None  # in a run over several
    model_version_id: int | None = None

    def items(self, state: str) -> list[ColumnElement[bool]]:
        """Match those of them in a state that could be claimed now."""
        wanted = (
            (WorkItem.run_id, self.run_id),
            (WorkItem.bucket, self.of_store),
            (WorkItem.model_version_id, self.model_version_id),
        )
        held = () if self.of_store is not None else self.held
        conditions = [column == value for column, value in wanted if value is not None]
        return [*_due(self.dialect, self.queue, state, held), *conditions]


class Look(NamedTuple):
    """What a look found: what was sought, with the stores that are held; and the items that come first."""

    sought: Sought
    lost: First | None  # whose lease has ended
    waiting: Sequence[First]  # of each run


def look(session: Session, sought: Sought, limit: int) -> Look:
    """Look for the next lost item, and for the first ones that wait: in one statement, unless a store is held."""
    rows = session.execute(_looking(sought, limit)).all()
    held = tuple(sorted(row.of_store for row in rows if row.id is None))
    if not held:
        lost = next((row for row in rows if row.losses is not None), None)
        return Look(sought, lost, [row for row in rows if row.losses is None])
    sought = sought._replace(held=held)
    return Look(sought, session.execute(next_lost(sought)).first(), first_in_turn(session, sought, limit))


@lru_cache(KEPT)
def _looking(sought: Sought, limit: int) -> CompoundSelect[*tuple[Any, ...]]:
    (waiting,) = _firsts_in_turn(sought, (), limit)
    parts = next_lost(sought).subquery(), waiting.add_columns(cast(None, Integer).label("losses")).subquery()
    nothing = (cast(None, column.type) for column in parts[0].c[:-2])
    held = select(*nothing, Throttle.name, cast(None, Integer)).where(Throttle.until > sql_now(sought.dialect))
    return union_all(*map(select, parts), held)


def lost(sought: Sought) -> list[ColumnElement[bool]]:
    """Match items whose lease has ended. Only what workers hold is leased, so they are few."""
    held_runs = select(Run.id).where(Run.state.in_(HELD_RUNS))
    return [*sought.items("leased"), WorkItem.run_id.not_in(held_runs)]


@lru_cache(KEPT)
def next_lost(sought: Sought) -> Select[*tuple[Any, ...]]:
    """Select the next lost item, with how often its lease was lost before."""
    columns = WorkItem.run_id, WorkItem.model_version_id, *IN_TURN, cast(None, Text).label("of_store")
    return select(*columns, WorkItem.losses).where(*lost(sought)).order_by(*IN_TURN).limit(1)


def first_in_turn(session: Session, sought: Sought, limit: int | None = None) -> list[First]:
    """List the first waiting item of each run that is worked on, in the order of their turn.

    Of a run over several stores, one of which is held, it is the first item of each of the others. Each is the first
    row of its part of an index, however much waits in runs and stores that are held, or for other models.
    """
    others = tuple(bucket for bucket in buckets(session) if bucket not in sought.held) if sought.held else ()
    found: list[First] = []
    for statement in _firsts_in_turn(sought, others, limit):
        found += session.execute(statement).all()
    return sorted(found, key=lambda first: (first.priority, first.eligible_at, first.id))[:limit]


@lru_cache(KEPT)
def _firsts_in_turn(sought: Sought, others: tuple[str, ...], limit: int | None) -> list[Select[Any]]:
    wanted = (Run.id, sought.run_id), (WorkItem.model_version_id, sought.model_version_id)
    conditions = [column == value for column, value in wanted if value is not None]
    statements = [_first_of_runs(sought)]
    statements += [_first_of_stores(sought, others)] if others else []
    return [statement.where(*conditions).order_by(*IN_TURN).limit(limit) for statement in statements]


def in_store_alone(session: Session, sought: Sought, bucket: str) -> Sought:
    """Seek what waits in a run in this store alone, by the index of stores, if another store of the run is held."""
    several = select(Run.id).where(Run.id == sought.run_id, Run.bucket == SEVERAL)
    if sought.held and bucket not in sought.held and session.execute(several).first() is not None:
        return sought._replace(of_store=bucket)
    return sought


def _due(
    dialect: Dialect, queue: str, state: str, held: Collection[str], item: type[WorkItem] = WorkItem
) -> list[ColumnElement[bool]]:
    conditions = [item.state == state, item.queue == queue, item.eligible_at <= sql_now(dialect)]
    return [*conditions, bucket_of(item).not_in(held)] if held else conditions


def worked_on(held: Collection[str]) -> ColumnElement[bool]:
    """Match runs that are worked on, but for those of a store that is held."""
    of_others = or_(Run.bucket.is_(None), Run.bucket.not_in(held)) if held else true()
    return and_(Run.state.not_in(HELD_RUNS), of_others)


def _first_of_runs(sought: Sought) -> Select[Any]:
    item, held = _WAITING, sought.held
    due = _due(sought.dialect, sought.queue, "pending", held, item)
    waiting = select(item.id).where(item.run_id == Run.id, *due).correlate(Run)
    in_one_store = or_(Run.bucket.is_(None), Run.bucket != SEVERAL) if held else true()
    return _firsts(Run, waiting, item, cast(None, Text)).where(worked_on(held), in_one_store)


def _first_of_stores(sought: Sought, others: Sequence[str]) -> Select[Any]:
    item = _WAITING
    store = union_all(*(select(literal(bucket, Text).label("bucket")) for bucket in others)).subquery("store")
    of_store = item.run_id == Run.id, item.bucket == store.c.bucket
    due = _due(sought.dialect, sought.queue, "pending", (), item)
    waiting = select(item.id).where(*of_store, *due).correlate(Run, store)
    several = _firsts(join(Run, store, true()), waiting, item, store.c.bucket)
    return several.where(worked_on(()), Run.bucket == SEVERAL)


def _firsts(runs: Any, waiting: Select[int], item: type[WorkItem], store: ColumnElement[Any]) -> Select[Any]:
    first = waiting.order_by(item.priority, item.eligible_at, item.id).limit(1).scalar_subquery()
    columns = WorkItem.run_id, WorkItem.model_version_id, *IN_TURN, store.label("of_store")
    return select(*columns).select_from(join(runs, WorkItem, WorkItem.id == first))
