"""Of what lies in Redis only a doorbell comes through, and of a doorbell only which queue it rings for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import given, strategies as st
from structlog.testing import capture_logs

from stack.servers import Valkey
from tests.worker.broker.messages import disguised, hostile, message
from worker import celery as broker
from worker.broker.transport import NIGHT, check_doorbell, new_message
from worker.celery import create_app
from worker.settings import Settings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def client(valkey_server: Valkey) -> Iterator[Any]:
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
        yield client


def received(valkey_server: Valkey, count: int) -> list[Any]:
    """Return the first `count` messages that a consumer of the queue nightly gets."""
    messages: list[Any] = []
    app = create_app(Settings(broker_url=valkey_server.url))
    with app.connection_for_read() as connection:
        queue = app.amqp.queues["nightly"]
        with connection.Consumer([queue], on_message=messages.append, accept=["json"]):
            while len(messages) < count:
                connection.drain_events(timeout=10)
    app.close()
    return messages


@pytest.mark.parametrize("name", hostile())
def test_what_is_no_doorbell_is_refused_unread(name: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_doorbell(hostile()[name], "nightly")


@given(st.binary(max_size=400) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_at_all_are_refused_in_order(item: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_doorbell(item, "nightly")


@given(part=st.sampled_from(["body", "headers", "properties", "content-type"]), value=JSON)
def test_a_doorbell_with_any_part_replaced_rings_or_is_refused(part: str, value: object) -> None:
    try:
        check_doorbell(json.dumps(message() | {part: value}).encode(), "nightly")
    except ValueError:
        assert part in {"body", "headers"}


def test_what_celery_sends_is_a_doorbell(valkey_server: Valkey, client: Any) -> None:
    app = create_app(Settings(broker_url=valkey_server.url))

    broker.ring(app, "ops")

    check_doorbell(client.rpop("ops"), "ops")
    app.close()


def test_a_new_message_is_a_doorbell() -> None:
    check_doorbell(json.dumps(new_message("ops")).encode(), "ops")


def test_a_consumer_gets_the_doorbells_between_hostile_messages_and_loses_none(
    valkey_server: Valkey, client: Any
) -> None:
    rung = [json.dumps(message()).encode(), *disguised()]
    client.lpush("nightly", *rung[:1], *hostile().values(), *rung[1:])

    with capture_logs() as logged:
        messages = received(valkey_server, len(rung))

    assert [each.payload for each in messages] == [[[], {"v": 1, "queue": "nightly"}, {}]] * len(rung)
    assert all(set(each.headers) == {"task", "id", "lang", "shadow"} for each in messages)
    assert [entry["event"] for entry in logged] == ["doorbell_dropped"] * len(hostile())
    assert client.llen("nightly") == 0


def test_ringing_and_reading_leave_nothing_in_redis_and_heed_nothing_else_there(
    valkey_server: Valkey, client: Any
) -> None:
    strange = {"unacked": "x", "unacked_index": "x", "_kombu.binding.nightly": "x"}
    client.mset(strange)
    app = create_app(Settings(broker_url=valkey_server.url))
    broker.ring(app, "nightly")

    [first] = received(valkey_server, 1)

    assert not first.acknowledged
    assert {key.decode() for key in client.scan_iter()} == set(strange)
    app.close()


def test_a_message_of_another_scheduler_comes_through_as_a_call_for_the_night_without_its_contents(
    valkey_server: Valkey, client: Any
) -> None:
    app = create_app(Settings(broker_url=valkey_server.url))
    app.send_task(NIGHT, args=["2020-01-01"], kwargs={"date": "2020-01-01"}, queue="nightly")

    [asked] = received(valkey_server, 1)

    assert asked.headers["task"] == NIGHT
    assert asked.payload == [[], {"v": 1, "queue": "nightly"}, {}]
    with pytest.raises(ValueError, match="eta"):
        check_doorbell(json.dumps(message(headers={"task": NIGHT, "eta": "2099-01-01T00:00:00+00:00"})).encode(), "ops")
    app.close()
