"""Keys: their order, ranges and prefixes, as conditions that the indexes answer on both databases."""

import operator
import sys
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import ColumnElement, Dialect, and_, true
from sqlalchemy.orm import Session

from db.schema import SourceObject
from db.schema.columns import KEY_HEAD_CHARS, key_head
from db.session import is_sqlite

_OF_HEADS: dict[Callable[..., Any], Callable[..., Any]] = {operator.gt: operator.ge, operator.lt: operator.le}


def is_key(compare: Callable[..., Any], other: str, key: Any = SourceObject.key) -> ColumnElement[bool]:
    """Compare a column of keys with a key: by their heads, too, as PostgreSQL's index has no more of a key."""
    compare_heads = _OF_HEADS.get(compare, compare)
    return and_(compare_heads(key_head(key), other[:KEY_HEAD_CHARS]), compare(key, other))


def among(bucket: str, keys: Collection[str]) -> ColumnElement[bool]:
    """Match these keys of a bucket."""
    heads = {key[:KEY_HEAD_CHARS] for key in keys}
    return and_(
        SourceObject.bucket == bucket, key_head(SourceObject.key).in_(sorted(heads)), SourceObject.key.in_(keys)
    )


def in_key_order(session: Session | Dialect, key: Any) -> tuple[Any, ...]:
    """Return what to order a bucket's keys by, as the index has it."""
    return (key,) if is_sqlite(session) else (key_head(key), key)


def under(prefix: str) -> ColumnElement[bool]:
    """Match keys that begin with `prefix`, as a range of the index: by bytes, with no wildcard."""
    return and_(is_key(operator.ge, prefix), before_end_of(prefix))


def before_end_of(prefix: str) -> ColumnElement[bool]:
    end = prefix_end(prefix)
    return true() if end is None else is_key(operator.lt, end)


def prefix_end(prefix: str) -> str | None:
    """Return the least key after all that begin with `prefix`: code points have the order of UTF-8. None: no end."""
    stem = prefix.rstrip(chr(sys.maxunicode))
    if not stem:
        return None
    following = 0xE000 if stem[-1] == "\ud7ff" else ord(stem[-1]) + 1  # a surrogate cannot be stored
    return stem[:-1] + chr(following)
