"""A change of the tables may take long, and waits for its turn; it does not make others wait for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError

from db import migrations
from db.session import connect
from stack.servers import Postgres


@pytest.fixture
def hurried(postgres_server: Postgres) -> Iterator[Engine]:
    """Make an empty database with time-outs of a fifth of a second instead of half a minute."""
    engine = connect(postgres_server.new_database())

    @event.listens_for(engine, "connect")
    def hurry(connection: Any, _: Any) -> None:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(f"SET {name} = '200ms'")
        connection.commit()

    yield engine
    engine.dispose()


def during_a_change(monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    """Let the next change of the tables be these statements."""

    def change(config: Any, _: str) -> None:
        connection: Connection = config.attributes["connection"]
        for statement in statements:
            connection.execute(text(statement))

    monkeypatch.setattr(command, "upgrade", change)


def test_a_change_takes_the_time_it_takes(hurried: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    during_a_change(monkeypatch, "CREATE TABLE changed (n int)", "SELECT pg_sleep(0.7)")

    migrations.upgrade(hurried)

    with hurried.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM changed")).scalar_one() == 0
        with pytest.raises(OperationalError, match="statement timeout"):
            connection.execute(text("SELECT pg_sleep(0.7)"))


def test_a_second_change_waits_for_the_first(hurried: Engine) -> None:
    with hurried.begin() as first:
        migrations._wait_for_turn(first)
        second = threading.Thread(target=migrations.upgrade, args=(hurried,))
        second.start()
        time.sleep(0.7)
        assert second.is_alive()
    second.join(timeout=30)

    assert migrations.current(hurried) == migrations.HEAD


def test_a_table_in_use_is_waited_for_no_longer_than_usual(hurried: Engine) -> None:
    with hurried.begin() as connection:
        connection.execute(text("RESET lock_timeout"))
        usual = connection.execute(text("SHOW lock_timeout")).scalar_one()

    with hurried.begin() as change:
        migrations._wait_for_turn(change)

        assert change.execute(text("SHOW lock_timeout")).scalar_one() == usual != "0"
