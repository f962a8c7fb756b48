"""Doorbells: enough that no free worker sleeps while there is work, never so many that the broker fills."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime

import pytest
import redis
from celery import Celery
from hypothesis import given, strategies as st
from sqlalchemy import Engine
from structlog.testing import capture_logs

from db import heartbeats
from db.queue import claims, throttle
from db.session import sessions_of
from scheduler import doorbells
from stack.servers import Valkey
from tests.db.catalogues import BUCKET, Catalogue, a_catalogue
from tests.scheduler.broker import forget_doorbells
from worker import celery as broker
from worker.celery import create_app
from worker.settings import Settings

SIZES = st.integers(0, 10_000_000)
SMALL = st.integers(1, 2000)


@given(claimable=SIZES, chunk=SMALL, slots=SMALL, depth=SIZES)
def test_the_queue_never_holds_more_than_two_doorbells_a_slot(
    claimable: int, chunk: int, slots: int, depth: int
) -> None:
    rung = doorbells.needed(claimable, chunk, slots, depth)

    assert rung >= 0
    assert rung == 0 or depth + rung <= 2 * slots


@given(claimable=st.integers(1, 10_000_000), chunk=SMALL, slots=SMALL)
def test_work_in_an_empty_queue_is_rung_for_once_a_chunk(claimable: int, chunk: int, slots: int) -> None:
    rung = doorbells.needed(claimable, chunk, slots, 0)

    assert rung >= 1
    assert rung == 2 * slots or (rung - 1) * chunk < claimable <= rung * chunk


@given(chunk=SMALL, slots=SMALL, depth=SIZES)
def test_without_work_nobody_is_rung_for(chunk: int, slots: int, depth: int) -> None:
    assert doorbells.needed(0, chunk, slots, depth) == 0


@given(claimable=SIZES, chunk=SMALL, slots=SMALL, depth=st.integers(0, 100))
def test_ringing_again_at_once_adds_nothing(claimable: int, chunk: int, slots: int, depth: int) -> None:
    rung = doorbells.needed(claimable, chunk, slots, depth)

    assert doorbells.needed(claimable, chunk, slots, depth + rung) == 0


def workers(catalogue: Catalogue, slots: int) -> None:
    with catalogue.sessions.begin() as session:
        heartbeats.beat(session, "worker:1", slots=slots, started_at=datetime.now(UTC))


@pytest.fixture
def a_hundred_thousand(sqlite_engine: Engine) -> Catalogue:
    """Open a run of so many items, by SQL."""
    catalogue = a_catalogue(sessions_of(sqlite_engine))
    catalogue.items("first.jpg")
    numbers = "WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000)"
    for table, columns in (("source_object", "id, key"), ("work_item", "id, object_id")):
        names = [row[1] for row in catalogue.sql(f"PRAGMA table_info({table})")]
        changed = {"id": "n", "object_id": "n", "key": "printf('%06d.jpg', n)"}
        values = ", ".join(changed[name] if name in columns.split(", ") else f"t.{name}" for name in names)
        catalogue.sql(
            f"INSERT INTO {table} ({', '.join(names)}) {numbers} SELECT {values} FROM numbers, {table} t WHERE t.id = 1"
        )
    return catalogue


def test_each_queue_is_rung_for_its_own_work(catalogue: Catalogue, app: Celery) -> None:
    catalogue.items(*(f"night {number}" for number in range(5)))
    catalogue.items("now", queue_name="ops")
    workers(catalogue, slots=4)

    rung = doorbells.ring_all(app, catalogue.sessions, chunk=2)
    again = doorbells.ring_all(app, catalogue.sessions, chunk=2)

    assert (rung, again) == (4, 0)
    assert {name: broker.depth(app, name) for name in claims.QUEUES} == {"nightly": 3, "ops": 1}


def test_lost_doorbells_are_rung_again(catalogue: Catalogue, app: Celery) -> None:
    catalogue.items("a", "b")
    workers(catalogue, slots=1)
    doorbells.ring_all(app, catalogue.sessions, chunk=1)
    forget_doorbells(app)

    rung = doorbells.ring_all(app, catalogue.sessions, chunk=1)

    assert rung == 2


def test_a_first_doorbell_goes_out_before_any_worker_was_seen(catalogue: Catalogue, app: Celery) -> None:
    catalogue.items(*(f"{number}" for number in range(9)))

    assert doorbells.ring_all(app, catalogue.sessions, chunk=1) == 2


def test_nobody_is_rung_for_what_cannot_be_claimed(catalogue: Catalogue, app: Celery) -> None:
    catalogue.items("leased")
    catalogue.claim()
    catalogue.items("paused", run_id=catalogue.another_run("scan:2", state="paused"))

    assert doorbells.ring_all(app, catalogue.sessions, chunk=1) == 0
    assert broker.depth(app, "nightly") == 0


def test_nobody_is_rung_for_during_an_outage(catalogue: Catalogue, app: Celery) -> None:
    catalogue.items("a")
    with catalogue.sessions.begin() as session:
        throttle.hold(session, BUCKET, "503")

    assert doorbells.ring_all(app, catalogue.sessions, chunk=1) == 0


def test_the_image_of_a_lost_worker_is_rung_for(catalogue: Catalogue, app: Celery) -> None:
    catalogue.items("a")
    catalogue.claim()
    catalogue.let_leases_end()

    assert doorbells.ring_all(app, catalogue.sessions, chunk=256) == 1


def test_a_doorbell_names_a_queue_and_no_image(catalogue: Catalogue, app: Celery) -> None:
    catalogue.items("secret.jpg")

    doorbells.ring_all(app, catalogue.sessions, chunk=256)

    with app.connection_for_read() as connection, connection.SimpleQueue("nightly") as messages:
        message = messages.get(timeout=1)
        message.ack()
    assert message.payload[:2] == [[], {"v": 1, "queue": "nightly"}]
    assert "secret" not in str(message.headers)


def test_a_broker_that_is_down_is_only_logged(catalogue: Catalogue) -> None:
    catalogue.items("a")
    app = create_app(Settings(broker_url="redis://127.0.0.1:1/0"))

    with capture_logs() as logged:
        rung = doorbells.ring_all(app, catalogue.sessions, chunk=1)

    assert rung == 0
    assert [(entry["event"], entry["queue"]) for entry in logged] == [("ring_failed", "nightly")]
    app.close()


def test_a_broker_that_is_down_is_left_alone_for_a_minute(
    catalogue: Catalogue, app: Celery, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.items("a")
    down = create_app(Settings(broker_url="redis://127.0.0.1:1/0"))
    clock = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: clock)

    with capture_logs() as logged:
        doorbells.ring_all(down, catalogue.sessions, chunk=1)
        clock += 59
        doorbells.ring_all(down, catalogue.sessions, chunk=1)
        assert len(logged) == 1
        clock += 2
        doorbells.ring_all(down, catalogue.sessions, chunk=1)
    assert len(logged) == 2
    assert doorbells.ring_all(app, catalogue.sessions, chunk=1) == 1
    down.close()


def test_a_broker_that_hangs_costs_a_look_few_seconds_once(
    catalogue: Catalogue, app: Celery, valkey_server: Valkey
) -> None:
    catalogue.items("a")
    catalogue.items("b", queue_name="ops")
    hanging = create_app(Settings(broker_url=valkey_server.url))
    broker.ring(hanging, "ops")
    os.kill(valkey_server.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        rung = [doorbells.ring_all(hanging, catalogue.sessions, chunk=1) for _ in range(20)]
        took = time.monotonic() - begun
    finally:
        os.kill(valkey_server.pid, signal.SIGCONT)

    assert rung == [0] * 20
    assert took < 4
    hanging.close()


def test_a_key_of_another_type_is_only_logged(catalogue: Catalogue, valkey_server: Valkey) -> None:
    catalogue.items("a")
    app = create_app(Settings(broker_url=valkey_server.url))
    with redis.Redis.from_url(valkey_server.url) as client:
        client.set("nightly", "no list")

        assert doorbells.ring_all(app, catalogue.sessions, chunk=1) == 0

        client.delete("nightly")
    app.close()


def test_redis_holds_less_than_a_megabyte_however_much_waits(
    valkey_server: Valkey, a_hundred_thousand: Catalogue
) -> None:
    """Doorbells are limited by slots, not by items; so what holds for 100,000 holds for 1,000,000."""
    workers(a_hundred_thousand, slots=16)
    client = redis.Redis.from_url(valkey_server.url)
    taken: dict[str, int] = {}
    for monitoring in ("off", "on"):
        before = client.info("memory")["used_memory"]
        app = create_app(Settings(broker_url=valkey_server.url, celery_monitoring=monitoring))
        for _ in range(5):
            doorbells.ring_all(app, a_hundred_thousand.sessions, chunk=256)
        assert broker.depth(app, "nightly") == 2 * 16
        taken[monitoring] = client.info("memory")["used_memory"] - before
        forget_doorbells(app)
    client.close()

    print(f"bytes of Redis at 100,000 items: {taken}")
    assert max(taken.values()) < 1_000_000
