"""What `make chaos` counts in a catalogue of PostgreSQL whose work is done: lost, doubled, or taken from people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

_TAGGED = (
    "SELECT o.key, w.version_token FROM source_object o JOIN work_item w ON w.object_id = o.id"
    " AND w.version_token = o.version_token AND w.state = 'done'"
    " JOIN classification c ON c.work_item_id = w.id JOIN image_tag t ON t.object_id = o.id"
)
_OPEN = "SELECT count(*) FROM work_item WHERE state IN ('pending', 'leased')"
_RESULTS_TWICE = (
    "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM classification c"
    " JOIN work_item w ON w.id = c.work_item_id GROUP BY w.object_id, w.version_token, w.request_id) AS x"
)
_EVENTS_BEYOND_RESULTS = (
    "SELECT coalesce(sum(greatest(e.n - coalesce(c.n, 0), 0)), 0)"
    " FROM (SELECT object_id, count(*) AS n FROM tag_event WHERE actor LIKE 'run:%' GROUP BY object_id) AS e"
    " LEFT JOIN (SELECT object_id, count(*) AS n FROM classification GROUP BY object_id) AS c USING (object_id)"
)
_HUMAN = (
    "SELECT o.key, t.category FROM source_object o JOIN image_tag t ON t.object_id = o.id AND t.source = 'human'"
    " WHERE o.key = ANY(%s)"
)


def tagged(connection: Connection, uploaded: Mapping[str, str]) -> set[str]:
    """Return the keys that have a result and a tag for exactly the bytes that were uploaded: key -> ETag."""
    rows = connection.execute(_TAGGED).fetchall()
    return {key for key, token in rows if key in uploaded and uploaded[key] in token}


def left_open(connection: Connection) -> int:
    """Count items that nobody has ended."""
    return _number(connection, _OPEN)


def doubled(connection: Connection) -> int:
    """Count results beyond the first for one version of an image, and changes of a tag that no result has brought."""
    return _number(connection, _RESULTS_TWICE) + _number(connection, _EVENTS_BEYOND_RESULTS)


def overruled(connection: Connection, decided: Mapping[str, str]) -> list[str]:
    """Return the keys that a person has decided and that are not tagged so any more: key -> category."""
    rows = dict(connection.execute(_HUMAN, [sorted(decided)]).fetchall())
    return [key for key, category in sorted(decided.items()) if rows.get(key) != category]


def _number(connection: Connection, question: str) -> int:
    row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return int(row[0])
