"""A prefix is a range of keys in the index, so that a page costs the same in a bucket of any size."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from db import objects
from db.keys import prefix_end
from db.session import engine_of
from tests.db.catalogues import LONG_AGO, Catalogue
from tests.scheduler.scans import statements

TEXT = st.text(st.sampled_from("a/~\ud7ff\ue000\U0010ffff"), max_size=4)


@given(TEXT, TEXT)
def test_a_key_begins_with_the_prefix_if_it_lies_in_its_range(prefix: str, key: str) -> None:
    end = prefix_end(prefix)

    assert key.startswith(prefix) == (prefix <= key and (end is None or key.encode() < end.encode()))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_a_page_of_a_prefix_reads_no_key_outside_it(catalogue: Catalogue, first: bool, last: bool) -> None:
    fill(catalogue, "a/", 20_000)
    fill(catalogue, "b/", 100)
    fill(catalogue, "c/", 20_000)
    after, up_to = "" if first else "b/110", None if last else "b/180"
    with catalogue.sessions() as session, statements(catalogue) as sent:
        known = objects.known_between(session, "photos", after, up_to, "b/", catalogue.model_id, at_most=5000)

    assert [row.key for row in known] == [
        f"b/{number}" for number in range(100 if first else 111, 200 if last else 181)
    ]
    assert reads_only_the_range(catalogue, *sent[-1])


def fill(catalogue: Catalogue, prefix: str, count: int) -> None:
    catalogue.sql(
        "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < 100 + :count)"
        " INSERT INTO source_object (bucket, key, version_token, size, last_modified, first_seen)"
        f" SELECT 'photos', '{prefix}' || i, 'v1', 1000, :at, :at FROM n",
        count=count,
        at=LONG_AGO,
    )


def reads_only_the_range(catalogue: Catalogue, statement: str, parameters: object) -> bool:
    engine = engine_of(catalogue.sessions)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())  # type: ignore[arg-type]
            return "(bucket=? AND key>? AND key<?)" in plan
        connection.exec_driver_sql("ANALYZE source_object")
        lines = connection.exec_driver_sql(f"EXPLAIN ANALYZE {statement}", parameters).scalars()  # type: ignore[arg-type]
        plan = "\n".join(lines)
        return not re.search(r"Rows Removed by Filter: \d{4}", plan) and "Seq Scan on source_object" not in plan
