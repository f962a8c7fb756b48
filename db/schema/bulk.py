"""Many rows written by one statement, which PostgreSQL takes as one parameter and plans as if it were one row."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, Insert, Result, Text, bindparam, cast, column, func, select
from sqlalchemy.orm import Session


def write(session: Session, statement: Any, rows: Sequence[Mapping[str, Any]]) -> Result[*tuple[Any, ...]]:
    """Run an INSERT, of a table and without values, for all rows, which have the same columns.

    The caller keeps the statement and gives the same one each time. No number may be infinite or none, as JSON has
    no word for it.
    """
    if session.get_bind().dialect.name != "postgresql":
        return session.execute(statement, list(rows))
    given = json.dumps(rows, default=str, allow_nan=False)
    return session.execute(_of_one_parameter(statement, tuple(rows[0])), {"given_rows": given})


@lru_cache(256)
def _of_one_parameter(statement: Insert, names: tuple[str, ...]) -> Insert:
    columns = [column(name, statement.table.c[name].type) for name in names]
    rows = func.json_to_recordset(cast(bindparam("given_rows", type_=Text()), JSON))
    given = rows.table_valued(*columns).render_derived(name="given", with_types=True)
    return statement.from_select(names, select(*given.c))
