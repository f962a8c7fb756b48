"""Writes down what the migrations make of an empty SQLite file, for `db.migrations` to make at once."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from db import migrations
from db.session import connect

_CONSTRAINT = ", \n\tCONSTRAINT "


def script() -> str:
    """Return the statements that make the tables of head, as the migrations make them one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "catalogue.db"
        engine = connect(f"sqlite:///{file}")
        migrations.upgrade(engine, migrations.HEAD)  # by its number: only "head" is what this script makes quicker
        engine.dispose()
        return dumped(file)


def dumped(file: Path) -> str:
    """Return the statements that make what is in a catalogue, in an order that does not depend on chance."""
    with closing(sqlite3.connect(file)) as connection:
        _begin, *statements, _commit = map(_in_order, connection.iterdump())
    statements = [statement for statement in statements if "sqlite_sequence" not in statement]  # SQLite's own
    statements.sort(key=lambda statement: (not statement.startswith("CREATE TABLE"), statement))
    return "\n".join(statements) + "\n"


def _in_order(statement: str) -> str:
    """Sort a table's constraints, which Alembic leaves in any order when it copies the table."""
    body, end, rest = statement.rpartition("\n)")
    columns, *constraints = body.split(_CONSTRAINT)
    return _CONSTRAINT.join([columns, *sorted(constraints)]) + end + rest


if __name__ == "__main__":
    for outdated in migrations.NEW_SQLITE.parent.glob("sqlite_*.sql"):
        outdated.unlink()
    migrations.NEW_SQLITE.write_text(script(), encoding="utf-8")
