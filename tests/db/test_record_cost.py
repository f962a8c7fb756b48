"""What recording a micro-batch costs: statements that are kept, lists in one parameter, and no walk of a table."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from db import tags
from db.queue import leases
from db.schema import bulk
from db.session import engine_of, sessions_of
from tests.db.catalogues import Catalogue, a_catalogue, tagged

IMAGES = 24
LARGE = "classification|image_tag|source_object|tag_event|work_item"


def record(catalogue: Catalogue) -> list[tuple[str, Any]]:
    """Record results of a few images; return the statements, each with its parameters."""
    items = catalogue.claim(IMAGES)
    sent: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    event.listen(engine_of(catalogue.sessions), "before_cursor_execute", note)
    with catalogue.sessions.begin() as session:
        assert tags.record(session, [tagged(item) for item in items], model_version_id=catalogue.model_id) == IMAGES
    event.remove(engine_of(catalogue.sessions), "before_cursor_execute", note)
    return sent


def test_no_statement_has_a_parameter_for_each_image(postgres_catalogue: Catalogue) -> None:
    catalogue = postgres_catalogue
    catalogue.items(*(f"{number:03}.jpg" for number in range(IMAGES)))

    sent = record(catalogue)

    assert len(sent) >= 8
    assert max(len(parameters) for _, parameters in sent) < IMAGES


def test_a_record_builds_no_statement_that_one_before_it_has_built(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.items(*(f"{number:03}.jpg" for number in range(2 * IMAGES)))
    record(catalogue)
    for module in (tags, leases, bulk):
        for build in {"select", "update", "insert", "in_list", "upsert"} & {*vars(module)}:
            monkeypatch.setattr(module, build, None)

    record(catalogue)


def test_a_record_goes_through_no_table_on_sqlite(sqlite_engine: Engine) -> None:
    """Pairs that were written out, one of id and fence for each image, made SQLite read all items there are."""
    catalogue = a_catalogue(sessions_of(sqlite_engine))
    catalogue.items(*(f"{number:03}.jpg" for number in range(2 * IMAGES)))

    sent = [(statement, parameters) for statement, parameters in record(catalogue) if not isinstance(parameters, list)]

    with catalogue.sessions() as session:
        run = session.connection().exec_driver_sql
        steps = [row[3] for sql, values in sent for row in run(f"EXPLAIN QUERY PLAN {sql}", values)]
        session.execute(text("ROLLBACK"))
    assert any(step.startswith("SEARCH work_item") for step in steps)
    assert [step for step in steps if re.match(rf"SCAN ({LARGE})\b", step)] == []
