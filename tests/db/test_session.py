"""Connections and transactions: time-outs, and what is tried again."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import OperationalError as DriverError
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from db import availability, session as sessions_module
from db.availability import is_away
from db.session import connect, in_transaction, read_with_retry, reading, sessions_of


class Failing:
    """Fails at first with an SQLSTATE, and counts how often it was called."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate, self.calls = sqlstate, 0

    def __call__(self, session: Session) -> str:
        self.calls += 1
        if self.calls == 1:
            session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION SQLSTATE '{self.sqlstate}'; END $$"))
        return "done"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module.time, "sleep", lambda _: None)


def test_a_connection_to_postgresql_has_time_outs_and_plans_anew(postgres_engine: Engine) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "plan_cache_mode")
    with postgres_engine.connect() as connection:
        settings = [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]

    assert settings == ["30s", "10s", "1min", "force_custom_plan"]


@pytest.fixture
def pings(postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note which connections are asked for a sign of life."""
    asked: list[Any] = []
    ping = postgres_engine.dialect.do_ping
    monkeypatch.setattr(
        postgres_engine.dialect, "do_ping", lambda connection: (asked.append(connection), ping(connection))
    )
    return asked


def backend(engine: Engine) -> int:
    with engine.connect() as connection:
        pid: int = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    return pid


def test_a_connection_that_the_server_has_ended_is_replaced_before_it_is_used(postgres_engine: Engine) -> None:
    engine = connect(postgres_engine.url.render_as_string(hide_password=False), pool_size=1)
    ended = backend(engine)
    with postgres_engine.begin() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": ended})

    assert backend(engine) != ended
    engine.dispose()


def test_a_connection_that_lives_is_asked_only_after_a_long_rest(
    postgres_engine: Engine, pings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        backend(postgres_engine)
    assert not pings

    monkeypatch.setattr(availability, "LONG_IDLE_S", -1.0)
    backend(postgres_engine)

    assert len(pings) == 1


def test_whoever_only_reads_begins_no_transaction(postgres_engine: Engine) -> None:
    postgres_engine.dispose()  # so that both have the one connection
    with reading(sessions_of(postgres_engine)) as session:
        session.execute(text("SELECT 1"))
        driver = session.connection().connection.dbapi_connection
        assert driver is not None
        assert driver.info.transaction_status == TransactionStatus.IDLE

    with sessions_of(postgres_engine).begin() as session:  # which has the same connection, and its own way again
        session.execute(text("SELECT 1"))
        assert session.connection().connection.dbapi_connection is driver
        assert driver.info.transaction_status == TransactionStatus.INTRANS


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03", "57014", "57P01", "08006"])
def test_a_transaction_is_tried_again_after(postgres_engine: Engine, sqlstate: str) -> None:
    work = Failing(sqlstate)

    assert (in_transaction(sessions_of(postgres_engine), work), work.calls) == ("done", 2)


def test_a_transaction_is_not_tried_again_after_a_defect(postgres_engine: Engine) -> None:
    work = Failing("23505")

    with pytest.raises(DBAPIError):
        in_transaction(sessions_of(postgres_engine), work)

    assert work.calls == 1


@pytest.mark.parametrize(("sqlstate", "calls"), [("55P03", 2), ("57P03", 2), ("57014", 1)])
def test_a_read_that_takes_too_long_is_not_tried_again(postgres_engine: Engine, sqlstate: str, calls: int) -> None:
    work = Failing(sqlstate)
    try:
        read_with_retry(sessions_of(postgres_engine), work)
    except DBAPIError:
        assert calls == 1

    assert work.calls == calls


@pytest.mark.parametrize(
    ("message", "away"),
    [
        ('connection to server at "127.0.0.1", port 5432 failed: Connection refused', True),
        ("connection failed: FATAL:  the database system is starting up", True),
        ('could not translate host name "postgres" to address: Name or service not known', True),
        ("connection timeout expired", True),
        ('connection failed: FATAL:  password authentication failed for user "tagger"', False),
        ('connection failed: FATAL:  database "tagger" does not exist', False),
        ("connection failed: SSL error: certificate verify failed", False),
    ],
)
def test_a_database_that_refuses_us_is_not_away(message: str, away: bool) -> None:
    assert is_away(OperationalError("", {}, DriverError(message))) is away
