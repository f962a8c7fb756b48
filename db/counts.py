"""Counts of each run's items by state, kept by triggers in the transactions that change items.

On PostgreSQL a change adds a row with the difference, so that nobody waits for anybody; a count is the sum of its rows,
and `fold` makes few rows of many. On SQLite, which has one writer at a time, each count is one row.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, tuple_
from sqlalchemy.orm import Session

from db.schema import RunCount
from db.session import is_sqlite

NEEDS_REVIEW = "needs_review"
"""The one count that is not of a state: the results of a run that are flagged."""
_CROWDED = 100


def of_run(session: Session, run_id: int) -> dict[str, int]:
    """Return a run's number of items by state, and of its flagged results as `needs_review`."""
    return _sums(session, RunCount.run_id == run_id)


def of_all(session: Session) -> dict[str, int]:
    """Return the number of all items by state."""
    return _sums(session, RunCount.name != NEEDS_REVIEW)


def runs_with(states: Sequence[str]) -> Select[int]:
    """Select the ids of the runs that have items in any of these states."""
    some = select(RunCount.run_id).where(RunCount.name.in_(states)).group_by(RunCount.run_id)
    return some.having(func.sum(RunCount.items) > 0)


def _sums(session: Session, condition: ColumnElement[bool]) -> dict[str, int]:
    items = func.sum(RunCount.items)
    summed = select(RunCount.name, items).where(condition).group_by(RunCount.name).having(items != 0)
    return {name: int(count) for name, count in session.execute(summed)}


def fold(session: Session) -> None:
    """Replace the rows of each count that has many by their sum. What another process folds meanwhile is left alone."""
    if is_sqlite(session):
        return
    crowded = select(RunCount.run_id, RunCount.name).group_by(RunCount.run_id, RunCount.name)
    in_crowd = tuple_(RunCount.run_id, RunCount.name).in_(crowded.having(func.count() > _CROWDED))
    picked = select(RunCount.id).where(in_crowd).with_for_update(skip_locked=True).cte("picked")
    taken = delete(RunCount).where(RunCount.id.in_(select(picked.c.id)))
    rows = taken.returning(RunCount.run_id, RunCount.name, RunCount.items).cte("taken")
    items = func.sum(rows.c["items"])
    sums = select(rows.c.run_id, rows.c.name, items).group_by(rows.c.run_id, rows.c.name).having(items != 0)
    session.execute(insert(RunCount).from_select(["run_id", "name", "items"], sums))
