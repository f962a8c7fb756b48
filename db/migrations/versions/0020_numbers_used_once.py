"""Numbers that others hold are used once on SQLite too, where the next row took that of the newest one removed.

A worker holds the number of an item, a reviewer's page that of an image, a copy of the tags that of an event. After
`tagger forget` they would mean something else. PostgreSQL never gives a number twice.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision: str = "0020"
down_revision: str | None = "0019"

TABLES = ("source_object", "work_item", "tag_event")
AGAIN, ONCE = "PRIMARY KEY (id)", "PRIMARY KEY (id AUTOINCREMENT)"
OF_TABLE = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = :table AND type = :type AND sql IS NOT NULL")


def upgrade() -> None:
    _number(AGAIN, ONCE)


def downgrade() -> None:
    _number(ONCE, AGAIN)


def _number(before: str, since: str) -> None:
    """Copy each table into one that numbers its rows so; its indexes and triggers are made again, word by word."""
    if op.get_bind().dialect.name != "sqlite":
        return
    with _names_of_others_left_alone():
        for table in TABLES:
            [made] = _statements(table, "table")
            others = [*_statements(table, "index"), *_statements(table, "trigger")]
            made = re.sub(rf'^CREATE TABLE "?{table}"?', f"CREATE TABLE new_{table}", made, count=1)
            op.execute(made.replace(before, since, 1))
            op.execute(f"INSERT INTO new_{table} SELECT * FROM {table}")  # noqa: S608 -- the names are written above
            op.execute(f"DROP TABLE {table}")
            op.execute(f"ALTER TABLE new_{table} RENAME TO {table}")
            for statement in others:
                op.get_bind().exec_driver_sql(statement)


def _statements(table: str, kind: str) -> list[str]:
    return list(op.get_bind().execute(OF_TABLE, {"table": table, "type": kind}).scalars())


@contextmanager
def _names_of_others_left_alone() -> Iterator[None]:
    """Let tables be renamed while views, triggers and foreign keys elsewhere name what is not there for a moment."""
    op.execute("PRAGMA legacy_alter_table = ON")
    try:
        yield
    finally:
        op.execute("PRAGMA legacy_alter_table = OFF")
