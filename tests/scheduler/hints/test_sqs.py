"""The consumer of a queue: it deletes what is recorded or illegible, and nothing else, and stops when it is told."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator

import pytest
from celery import Celery
from structlog.testing import capture_logs

from scheduler.hints import sqs
from scheduler.hints.counters import HintCounters
from scheduler.hints.events import Hint
from scheduler.hints.intake import Taken
from scheduler.hints.sqs import Consumer
from scheduler.service import Scheduler
from stack.processes import wait_until
from tests.db.catalogues import LONG_AGO, Catalogue
from tests.scheduler.hints.messages import event
from tests.scheduler.hints.posting import counted
from tests.scheduler.hints.sqs_server import FakeSqs
from worker.settings import Settings
from worker.storage.store import StoreUnavailable


class Takes:
    """An intake that fails a number of times, and may be held before it answers."""

    def __init__(self) -> None:
        self.fails = 0
        self.taken: list[str] = []
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()

    def take(self, hints: Collection[Hint]) -> Taken:
        self.begun.set()
        assert self.goes_on.wait(60)
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("503 SlowDown")
        self.taken += [hint.key for hint in hints]
        return Taken(len(hints))


@pytest.fixture
def queue() -> Iterator[FakeSqs]:
    with FakeSqs() as queue:
        yield queue


@pytest.fixture
def intake() -> Takes:
    return Takes()


@pytest.fixture
def counters() -> HintCounters:
    return HintCounters()


@pytest.fixture
def consumer(
    queue: FakeSqs, intake: Takes, counters: HintCounters, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Consumer]:
    monkeypatch.setattr(sqs, "BREATH_S", 0.01)
    keys = {"s3_access_key_id": "tagger", "s3_secret_access_key": "not-a-secret"}
    consumer = Consumer(Settings(**keys), queue.url, intake, counters)  # type: ignore[arg-type]
    yield consumer
    intake.goes_on.set()
    consumer.stop()
    consumer.wait(60)


def test_messages_are_deleted_once_their_images_are_recorded(queue: FakeSqs, intake: Takes, consumer: Consumer) -> None:
    intake.goes_on.clear()
    queue.send(event("a b.jpg", "c.jpg"), event("d.jpg"))
    consumer.start()
    assert intake.begun.wait(60)
    before = queue.left()

    intake.goes_on.set()
    wait_until(lambda: queue.left() == 0, "the messages to be deleted", 60)

    assert before == 2
    assert sorted(intake.taken) == ["a b.jpg", "c.jpg", "d.jpg"]


def test_what_could_not_be_recorded_comes_again_and_is_counted(
    queue: FakeSqs, intake: Takes, consumer: Consumer, counters: HintCounters
) -> None:
    intake.fails = 1
    queue.send(event("a.jpg"))
    with capture_logs() as logged:
        consumer.start()
        wait_until(lambda: any(entry["event"] == "hints_failed" for entry in logged), "the failure", 60)
    kept = queue.left()

    queue.let_go()
    wait_until(lambda: queue.left() == 0, "the message to be deleted", 60)

    assert kept == 1
    assert intake.taken == ["a.jpg"]
    assert counted(counters) == {("tagger_hints_received_total", "sqs"): 2, ("tagger_hints_refused_total", "failed"): 1}


def test_what_nobody_can_read_is_deleted_and_told(queue: FakeSqs, intake: Takes, consumer: Consumer) -> None:
    queue.send("not an event", event("a.jpg"))

    with capture_logs() as logged:
        consumer.start()
        wait_until(lambda: queue.left() == 0, "the messages to be deleted", 60)

    assert [entry["event"] for entry in logged] == ["event_unreadable"]
    assert intake.taken == ["a.jpg"]


def test_a_queue_that_refuses_is_asked_again(queue: FakeSqs, intake: Takes, consumer: Consumer) -> None:
    queue.fails = 2
    queue.send(event("a.jpg"))

    consumer.start()
    wait_until(lambda: queue.left() == 0, "the message to be deleted", 60)

    assert intake.taken == ["a.jpg"]


def test_a_consumer_that_was_stopped_takes_nothing_and_begins_again_when_told(
    queue: FakeSqs, intake: Takes, consumer: Consumer
) -> None:
    consumer.start()
    wait_until(lambda: "ReceiveMessage" in queue.actions, "the consumer to ask", 60)

    consumer.stop()
    queue.send(event("a.jpg"))
    consumer.wait(60)
    taken = list(intake.taken)
    queue.let_go()
    consumer.start()
    wait_until(lambda: queue.left() == 0, "the message to be deleted", 60)

    assert taken == []
    assert intake.taken == ["a.jpg"]


def test_the_url_of_a_queue_names_its_server_and_region(intake: Takes) -> None:
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/photos"

    plain = Consumer(Settings(s3_region="us-east-1"), url, intake, HintCounters())  # type: ignore[arg-type]
    told = Settings(events_endpoint_url="https://vpce.example.com", events_region="eu-west-1")
    other = Consumer(told, url, intake, HintCounters())  # type: ignore[arg-type]

    assert plain._client.meta.endpoint_url == "https://sqs.eu-central-1.amazonaws.com"
    assert plain._client.meta.region_name == "eu-central-1"
    assert (other._client.meta.endpoint_url, other._client.meta.region_name) == (
        "https://vpce.example.com",
        "eu-west-1",
    )


def test_only_the_leading_scheduler_consumes(catalogue: Catalogue, app: Celery, queue: FakeSqs) -> None:
    given = {"source": "s3://photos/", "events_queue_url": queue.url, "s3_endpoint_url": queue.url}
    keys = {"s3_access_key_id": "tagger", "s3_secret_access_key": "not-a-secret"}
    one, other = (Scheduler(Settings(**given, **keys), catalogue.sessions, app) for _ in range(2))  # type: ignore[arg-type]
    one.holder, other.holder = "host:1", "host:2"
    queue.send(event("a.jpg", bucket="another"))

    try:
        other_leads = (one.tick(), other.tick())[1]
        wait_until(lambda: queue.left() == 0, "the leader to take the message", 60)
        catalogue.sql("UPDATE leader_lease SET expires_at = :then", then=LONG_AGO)
        other.tick()
        one.tick()
        one.hints.close(60)
        queue.send(event("b.jpg", bucket="another"))
        wait_until(lambda: queue.left() == 0, "the new leader to take the message", 60)
        began = [scheduler.hints._consumer._thread is not None for scheduler in (one, other)]  # type: ignore[union-attr]
    finally:
        for scheduler in (one, other):
            scheduler.hints.close(60)
            scheduler.stop()

    assert (other_leads, began) == (False, [True, True])
