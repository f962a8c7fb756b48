"""The invariant of counts, I8: a run's, those that triggers keep, and the items themselves."""

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal, or_, select

from db.schema import Run, RunCount, WorkItem
from db.schema.vocabulary import ITEM_STATES, OPEN_STATES


def finished_with_open_items() -> Select[Any, Any]:
    waiting = exists().where(WorkItem.run_id == Run.id, WorkItem.state.in_(OPEN_STATES))
    return select(Run.id, literal("finished with open items")).where(Run.state == "finished", waiting)


def counts_off() -> Select[Any, Any]:
    """Select finished runs whose stored counts are not those that are kept of their items."""
    outcomes = {"tagged": "done", "skipped": "skipped", "quarantined": "quarantined"}
    off = (Run.counts[count].as_integer() != _kept(state) + _removed(state) for count, state in outcomes.items())
    detail = literal("its counts of tagged, skipped and quarantined images are not the numbers of such items")
    return select(Run.id, detail).where(Run.state == "finished", or_(*off))


def kept_counts_off() -> Select[Any, Any]:
    """Select runs of whose items other numbers are kept than there are."""
    off = (_kept(state) != _items(state) for state in ITEM_STATES)
    return select(Run.id, literal("the rows of run_count do not add up to its items")).where(or_(*off))


def _kept(state: str) -> ColumnElement[int]:
    rows = select(func.coalesce(func.sum(RunCount.items), 0))
    return rows.where(RunCount.run_id == Run.id, RunCount.name == state).scalar_subquery()


def _removed(state: str) -> ColumnElement[int]:
    """Return how many such items were removed because they were old; see `db.operations.retention`."""
    return func.coalesce(Run.counts["removed", state].as_integer(), 0)


def _items(state: str) -> ColumnElement[int]:
    return select(func.count()).where(WorkItem.run_id == Run.id, WorkItem.state == state).scalar_subquery()
