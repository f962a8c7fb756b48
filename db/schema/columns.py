"""Column types and naming rules of the tables: how times, ids and keys are stored, how constraints are named."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    func,
    literal_column,
    text,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeEngine

CONFIDENCE_UNIT = 10_000
"""Confidences are stored as integers of 1e-4."""


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime: timestamptz on PostgreSQL; on SQLite fixed-width ISO text, whose order is that of time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(26))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value!r}; use datetime.now(UTC)")
        return _as_text(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 -- SQLAlchemy's
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        assert isinstance(value, datetime)
        return value.astimezone(UTC)


@lru_cache(64)  # what is written together has one time
def _as_text(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


# SQLite numbers rows by itself only for a column of exactly INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")
NEVER_AGAIN = {"sqlite_autoincrement": True}
"""Of tables whose numbers others hold: that of a removed row is not given again. So it is on PostgreSQL anyway."""
# Order of keys must be the store's: UTF-8 bytes. SQLite compares so by itself.
Key = Text().with_variant(Text(collation="C"), "postgresql")
KEY_HEAD_CHARS = 400
KEY_DIGEST = (
    rf"substr(sha256(decode(replace(substr(key, {KEY_HEAD_CHARS + 1}), '\', '\\'), 'escape')), 1,"
    f" 32 * length(substr(key, {KEY_HEAD_CHARS + 1})))"
)
"""PostgreSQL's digest of what follows the head, or nothing if nothing does. Written as PostgreSQL gives it back."""


def key_head(key: Any) -> ColumnElement[str]:
    """Return the start of a key, as the index on PostgreSQL has it. It has the order of the keys."""
    return func.substr(key, literal_column("1"), literal_column(str(KEY_HEAD_CHARS)))


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 -- the name and the form are SQLAlchemy's
        int: Id,
        str: Text(),
        datetime: UtcTime(),
        bool: Boolean(),
        dict[str, Any]: JSON(),
        list[int]: JSON(),
    }


def partial_index(where: str, name: str, *columns: str, unique: bool = False) -> Index:
    """Index only the rows that match `where`, which each database takes as an option of its own."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def table_of(row: type[Base]) -> Table:
    """Return the Core table of a row class. Bulk writes use it: SQLAlchemy caches their SQL and skips the ORM."""
    assert isinstance(row.__table__, Table)
    return row.__table__
