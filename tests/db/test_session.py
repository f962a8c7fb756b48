"""Connections and transactions: time-outs, and what is tried again."""

from __future__ import annotations

import pytest
from psycopg import OperationalError as DriverError
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from db import session as sessions_module
from db.availability import is_away
from db.session import in_transaction, read_with_retry, sessions_of


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
