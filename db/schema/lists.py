"""Lists of ids in one parameter: each of hundreds is taken apart in Python, by SQLAlchemy and by the driver."""

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    ColumnElement,
    Dialect,
    SQLColumnExpression,
    any_,
    bindparam,
    cast,
    column,
    func,
    select,
    tuple_,
)


def in_list(dialect: Dialect, ids: SQLColumnExpression[int], name: str) -> ColumnElement[bool]:
    """Match rows whose id is in the list that is given as the parameter of this name."""
    if dialect.name == "postgresql":
        return ids == any_(bindparam(name, type_=ARRAY(BigInteger)))
    given = func.json_each(bindparam(name, type_=JSON())).table_valued("value")
    return ids.in_(select(given.c.value))


def pair_in_list(
    dialect: Dialect, first: SQLColumnExpression[int], second: SQLColumnExpression[int], name: str
) -> ColumnElement[bool]:
    """Match rows with one of the pairs in the list that is given as the parameter of this name.

    Of pairs that are written out SQLite makes a table, and goes through all rows for it.
    """
    each = func.json_array_elements if dialect.name == "postgresql" else func.json_each
    pair = each(bindparam(name, type_=JSON())).table_valued(column("value", JSON)).c.value
    numbers = [cast(pair[index].as_string(), BigInteger) for index in (0, 1)]
    return tuple_(first, second).in_(select(*numbers))
