"""Many rows written by one statement, which PostgreSQL takes as one parameter and plans as if it were one row.

Rows of several tables are one statement, too: on a busy machine a transaction's time is that of its round trips.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, Delete, Insert, Result, Text, bindparam, cast, column, func, select
from sqlalchemy.orm import Session

from db.session import is_sqlite


def write(session: Session, statement: Any, rows: Sequence[Mapping[str, Any]]) -> Result[*tuple[Any, ...]]:
    """Run an INSERT, of a table and without values, for all rows, which have the same columns.

    The caller keeps the statement and gives the same one each time. No number may be infinite or none, as JSON has
    no word for it.
    """
    if is_sqlite(session):
        return session.execute(statement, list(rows))
    return session.execute(_of_one_parameter(statement, tuple(rows[0])), {"given_rows": _as_json(rows)})


def write_together(
    session: Session, inserts: Sequence[tuple[Any, Sequence[Mapping[str, Any]]]], also: tuple[Delete, Mapping[str, Any]]
) -> Result[*tuple[Any, ...]]:
    """Run INSERTs as `write` does, and a DELETE; return the result of the last INSERT. None may see another's rows.

    An INSERT without rows is left out; the last one has some.
    """
    inserts, (delete, values) = [(statement, rows) for statement, rows in inserts if rows], also
    if is_sqlite(session):
        *_, result = [session.execute(statement, list(rows)) for statement, rows in inserts]
        session.execute(delete, values)
        return result
    given = {f"given_rows_{place}": _as_json(rows) for place, (_, rows) in enumerate(inserts)}
    shapes = tuple((statement, tuple(rows[0])) for statement, rows in inserts)
    return session.execute(_together(shapes, delete), given | dict(values))


def _as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=_as_text, allow_nan=False)


def _as_text(value: object) -> str:
    """Write what JSON has no form for as PostgreSQL reads it."""
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


@lru_cache(256)
def _together(inserts: Sequence[tuple[Insert, tuple[str, ...]]], delete: Delete) -> Insert:
    """Build one statement of several: all but the last become common table expressions."""
    *others, last = [
        _of_one_parameter(statement, names, f"given_rows_{place}") for place, (statement, names) in enumerate(inserts)
    ]
    expressions = [statement.cte(f"part_{place}") for place, statement in enumerate([*others, delete])]
    return last.add_cte(*expressions)


@lru_cache(256)
def _of_one_parameter(statement: Insert, names: tuple[str, ...], parameter: str = "given_rows") -> Insert:
    columns = [column(name, statement.table.c[name].type) for name in names]
    rows = func.json_to_recordset(cast(bindparam(parameter, type_=Text()), JSON))
    given = rows.table_valued(*columns).render_derived(name="given", with_types=True)
    return statement.from_select(names, select(*given.c))
