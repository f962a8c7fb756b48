"""The counters of `make chaos` see what they are to count: they are shown faults planted in a finished night."""

from __future__ import annotations

import psycopg
import pytest

from db.session import connect, sessions_of
from stack.servers import Postgres
from tests.db import templates
from tests.faults import counters
from tests.faults.small_night import BAD, DECIDED, KEYS, night, what_is_wrong

UPLOADED = {key: "v1" for key in KEYS if key != BAD}
NOTHING = {"lost": 0, "doubled": 0, "overruled": 0}
PLANTED = {
    "an image is lost as it never ends": (
        "UPDATE work_item SET state = 'leased' WHERE id = (SELECT max(id) FROM work_item WHERE state = 'done')",
        {"lost": 2},  # it is not tagged, and it is open
    ),
    "an image is lost as its tag is gone": (
        "DELETE FROM image_tag WHERE object_id = (SELECT max(object_id) FROM image_tag)",
        {"lost": 1},
    ),
    "an image is lost as only its former bytes are tagged": (
        "UPDATE source_object SET version_token = 'v2' WHERE id = (SELECT max(object_id) FROM image_tag)",
        {"lost": 1},
    ),
    "a change of a tag is doubled": (
        "INSERT INTO tag_event (object_id, seq, old, new, actor, why, at)"
        " SELECT object_id, seq + 1, new, new, actor, why, at FROM tag_event WHERE actor LIKE 'run:%' LIMIT 1",
        {"doubled": 1},
    ),
    "a result is doubled": (
        "WITH again AS (INSERT INTO work_item SELECT (jsonb_populate_record(w, jsonb_build_object('id', 1000000,"
        " 'model_version_id', 1000000))).* FROM work_item w WHERE state = 'done' LIMIT 1 RETURNING id)"
        " INSERT INTO classification SELECT (jsonb_populate_record(c, jsonb_build_object('id', 1000000,"
        " 'work_item_id', 1000000))).* FROM classification c JOIN work_item w ON w.id = c.work_item_id LIMIT 1",
        {"doubled": 1},
    ),
    "a person's tag is changed by a model": (
        "UPDATE image_tag SET source = 'model' WHERE source = 'human'",
        {"overruled": 1},
    ),
    "a person's tag has another category": (
        "UPDATE image_tag SET category = 'bag' WHERE source = 'human'",
        {"overruled": 1},
    ),
}


def counted(connection: counters.Connection) -> dict[str, int]:
    """Count as a round of `make chaos` ends."""
    missing = UPLOADED.keys() - counters.tagged(connection, UPLOADED)
    return {
        "lost": len(missing) + counters.left_open(connection),
        "doubled": counters.doubled(connection),
        "overruled": len(counters.overruled(connection, {DECIDED: "hat"})),
    }


@pytest.fixture(scope="module")
def finished(postgres_server: Postgres) -> str:
    """Return the address of a catalogue whose night is finished."""
    url = templates.make_database(postgres_server)
    engine = connect(url)
    night(sessions_of(engine), "memory://")
    wrong = what_is_wrong(sessions_of(engine))
    engine.dispose()
    assert wrong == []
    return url.replace("+psycopg", "")


def test_nothing_is_counted_where_nothing_is_wrong(finished: str) -> None:
    with psycopg.connect(finished) as connection:
        assert counted(connection) == NOTHING


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_counted(fault: str, finished: str) -> None:
    statement, expected = PLANTED[fault]

    with psycopg.connect(finished) as connection:
        connection.execute(b"SET session_replication_role = replica")  # the database itself would refuse some of it
        connection.execute(statement.encode())
        seen = counted(connection)
        connection.rollback()

    assert seen == NOTHING | expected
