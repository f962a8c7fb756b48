"""A claim reads few rows, however much waits in runs that are held or for other models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from db.queue import claims, throttle, turns
from db.session import engine_of
from tests.db.catalogues import Catalogue

HELD, LIMIT = 3000, 20
FILL = text(
    "WITH image AS (INSERT INTO source_object (bucket, key, version_token, size, last_modified, first_seen)"
    " SELECT 'photos', :run || '/' || n, 'v1', 1, now(), now() FROM generate_series(1, :many) n RETURNING id)"
    " INSERT INTO work_item (object_id, version_token, model_version_id, request_id, run_id, queue, priority, state,"
    " eligible_at) SELECT image.id, 'v1', run.model_version_id, 'scan', run.id, 'nightly', 100, 'pending', now()"
    " FROM image, run WHERE run.id = :run"
)


def claim(model_version_id: int) -> Callable[[Session], Any]:
    """Return a claim as a worker makes it."""

    def work(session: Session) -> list[str]:
        assert claims.next_model(session, "nightly") is not None
        options = {"queue": "nightly", "model_version_id": model_version_id, "owner": "me", "limit": LIMIT}
        return [item.key for item in claims.claim(session, **options)]

    return work


def count(session: Session) -> int:
    return claims.claimable(session, "nightly", at_most=LIMIT)


def fill(catalogue: Catalogue, run_id: int, many: int) -> None:
    with catalogue.sessions.begin() as session:
        session.execute(FILL, {"run": run_id, "many": many})


def plans_of(catalogue: Catalogue, work: Callable[[Session], Any]) -> list[dict[str, Any]]:
    """Run something, and each of its statements again under EXPLAIN; return their plans, with what they read."""
    statements: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        statements.append((statement, parameters))

    with catalogue.sessions.begin() as session:
        session.execute(text("ANALYZE"))
    with catalogue.sessions() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))  # so few rows are sooner read as they lie
        event.listen(engine_of(catalogue.sessions), "before_cursor_execute", note)
        assert work(session)
        event.remove(engine_of(catalogue.sessions), "before_cursor_execute", note)
        session.rollback()
        session.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
        plans = [session.connection().exec_driver_sql(explain + sql, values).scalar_one() for sql, values in statements]
    return [plan["Plan"] for (plan,) in plans]


def rows_read(catalogue: Catalogue, work: Callable[[Session], Any]) -> int:
    """Return how many items some work looks at."""
    return sum(int(_looked_at(node)) for plan in plans_of(catalogue, work) for node in _nodes(plan))


def pages_read(catalogue: Catalogue, work: Callable[[Session], Any]) -> int:
    """Return how many pages some work looks at to find the items that are next."""
    nodes = [node for plan in plans_of(catalogue, work) for node in _nodes(plan)]
    searches = [node for node in nodes if node.get("Index Name") == "ix_work_item_claim"]
    return sum(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in searches)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _looked_at(node: dict[str, Any]) -> float:
    if node.get("Relation Name") != "work_item" or "Scan" not in node["Node Type"]:
        return 0
    return float((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])


@pytest.mark.parametrize("work", ["claim", "count"])
def test_what_waits_in_a_paused_run_is_not_looked_at(postgres_catalogue: Catalogue, work: str) -> None:
    catalogue = postgres_catalogue
    fill(catalogue, catalogue.another_run("scan:held", state="paused"), HELD)
    fill(catalogue, catalogue.run_id, 3 * LIMIT)

    looked_at = rows_read(catalogue, count if work == "count" else claim(catalogue.model_id))

    assert looked_at < 8 * LIMIT


def test_what_waits_for_another_model_is_not_looked_at(postgres_catalogue: Catalogue) -> None:
    catalogue = postgres_catalogue
    fill(catalogue, catalogue.run_id, LIMIT // 2)
    fill(catalogue, catalogue.another_run("scan:other", model="other"), HELD)
    fill(catalogue, catalogue.another_run("scan:same"), 3 * LIMIT)

    looked_at = rows_read(catalogue, claim(catalogue.model_id))

    assert looked_at < 8 * LIMIT


def test_a_claim_that_goes_on_does_not_look_at_what_is_finished(postgres_catalogue: Catalogue) -> None:
    """Nobody can remove the index entries of finished items while a snapshot is open."""
    catalogue = postgres_catalogue
    fill(catalogue, catalogue.run_id, HELD)
    with engine_of(catalogue.sessions).connect() as snapshot:
        snapshot.execute(text("BEGIN ISOLATION LEVEL REPEATABLE READ"))
        snapshot.execute(text("SELECT 1 FROM run"))
        last = catalogue.claim(HELD - 3 * LIMIT)[-1]
        with catalogue.sessions.begin() as session:
            session.execute(text("UPDATE work_item SET state = 'done' WHERE state = 'leased'"))

        def go_on(session: Session) -> Any:
            options = {"queue": "nightly", "model_version_id": catalogue.model_id, "owner": "me", "limit": LIMIT}
            return claims.claim_after(session, last, **options)

        assert pages_read(catalogue, go_on) < pages_read(catalogue, claim(catalogue.model_id)) / 5


def test_a_claim_sends_no_item_back_to_the_database(catalogue: Catalogue) -> None:
    """A statement with an id for each claimed item was most of what a claim cost the worker."""
    catalogue.items(*(f"{number:03}.jpg" for number in range(2 * LIMIT)))
    sent: list[Any] = []

    def note(_: Any, __: Any, ___: str, parameters: Any, *____: Any) -> None:
        sent.append(parameters)

    event.listen(engine_of(catalogue.sessions), "before_cursor_execute", note)
    claimed = catalogue.claim(2 * LIMIT)
    event.remove(engine_of(catalogue.sessions), "before_cursor_execute", note)

    assert [item.key for item in claimed] == [f"{number:03}.jpg" for number in range(2 * LIMIT)]
    assert {item.bucket for item in claimed} == {catalogue.value("SELECT min(bucket) FROM source_object")}
    assert max(map(len, sent)) < 2 * LIMIT


def test_a_claim_takes_one_look_and_one_change(catalogue: Catalogue) -> None:
    """Each further statement costs a worker and the database about as much as what it answers."""
    catalogue.items(*(f"{number:03}.jpg" for number in range(2 * LIMIT)))
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        sent.append(statement.split(maxsplit=1)[0])

    event.listen(engine_of(catalogue.sessions), "before_cursor_execute", note)
    claimed = catalogue.claim(LIMIT)
    event.remove(engine_of(catalogue.sessions), "before_cursor_execute", note)

    assert len(claimed) == LIMIT
    assert [word for word in sent if word in ("SELECT", "WITH")] == ["SELECT", "WITH"]


def test_a_claim_builds_no_statement_that_one_before_it_has_built(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.items(*(f"{number:03}.jpg" for number in range(3 * LIMIT)))
    with catalogue.sessions.begin() as session:
        assert claim(catalogue.model_id)(session)
    for module in (claims, turns, throttle):
        for build in {"select", "update", "union_all"} & {*vars(module)}:
            monkeypatch.setattr(module, build, None)

    with catalogue.sessions.begin() as session:
        assert len(claim(catalogue.model_id)(session)) == LIMIT
