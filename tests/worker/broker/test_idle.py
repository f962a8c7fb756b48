"""An idle child looks for work by itself, one thing at a time, and stops in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from model.bundle import BundleNotFound
from stack.processes import wait_until
from worker import tagging
from worker.broker import idle
from worker.broker.idle import Child
from worker.chunk.classifying import RuntimeBroken
from worker.tagging import Outcome

Work = Callable[[str], Outcome]


@pytest.fixture
def child_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Work], Child]]:
    """Start children that look without a pause, and work as they are told."""
    children: list[Child] = []

    def start(work: Work) -> Child:
        monkeypatch.setattr(idle, "LOOK_S", (0.01, 0.02))
        monkeypatch.setattr(tagging, "work", lambda _, *queues: work(queues[-1]))
        children.append(Child(lambda: None, ("ops", "nightly"), lambda: None))  # type: ignore[arg-type,return-value]
        children[-1].start()
        return children[-1]

    yield start
    for child in children:
        child.stop()


def test_an_idle_child_looks_into_each_of_its_queues_again_and_again(child_of: Callable[[Work], Child]) -> None:
    seen: list[str] = []

    child_of(lambda queue: seen.append(queue) or Outcome())  # type: ignore[func-returns-value]

    wait_until(lambda: len(seen) >= 6, "three looks")
    assert seen[:4] == ["ops", "nightly", "ops", "nightly"]


def test_a_child_does_one_thing_at_a_time(child_of: Callable[[Work], Child]) -> None:
    at_work, most = threading.Semaphore(0), []

    def work(_: str) -> Outcome:
        at_work.release()
        most.append(at_work._value)
        time.sleep(0.01)
        at_work.acquire()
        return Outcome(tagged=1)

    child = child_of(work)
    for _ in range(20):
        child.work("ops")

    assert set(most) == {1}


def test_a_child_that_stops_finishes_what_it_is_at_and_begins_nothing_more(child_of: Callable[[Work], Child]) -> None:
    begun, ended = [], []

    def work(queue: str) -> Outcome:
        begun.append(queue)
        time.sleep(0.2)
        ended.append(queue)
        return Outcome()

    child = child_of(work)
    wait_until(lambda: begun, "a look")

    child.stop()
    counts = len(begun), len(ended)
    time.sleep(0.3)

    assert counts == (len(begun), len(ended))
    assert counts[0] == counts[1]
    child._busy.release()


@pytest.mark.parametrize(
    ("error", "traceback"),
    [
        (OperationalError("SELECT", {}, Exception("away")), False),
        (BundleNotFound("net@1 is not to be found"), False),
        (ZeroDivisionError(), True),
    ],
)
def test_what_fails_is_logged_and_looked_for_again(
    child_of: Callable[[Work], Child], error: Exception, traceback: bool
) -> None:
    looks: list[str] = []

    def work(queue: str) -> Outcome:
        looks.append(queue)
        raise error

    with capture_logs() as logged:
        child = child_of(work)
        wait_until(lambda: len(looks) >= 4, "two looks")
        child.stop()

    child._busy.release()
    assert {(entry["event"], "exc_info" in entry) for entry in logged} == {("look_failed", traceback)}


def test_what_goes_before_a_queue_is_worked_off_chunk_by_chunk_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, ...]] = []
    monkeypatch.setattr(tagging, "work", lambda _, *queues: seen.append(queues))
    child = Child(lambda: None, ("ops", "nightly"), lambda: None)  # type: ignore[arg-type,return-value]

    child.work("nightly")
    child.work("ops")

    assert seen == [("ops", "nightly"), ("ops",)]


def test_a_child_whose_runtime_is_broken_gives_up_rung_for_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    gave_up: list[str] = []

    def work(_: object, *queues: str) -> Outcome:
        raise RuntimeBroken("the runtime fails on every image")

    monkeypatch.setattr(tagging, "work", work)
    child = Child(lambda: None, ("ops",), lambda: gave_up.append("again"))  # type: ignore[arg-type,return-value]

    with capture_logs() as logged:
        with pytest.raises(RuntimeBroken):
            child.work("ops")
        found = child._finds_work("ops")

    assert (gave_up, found) == (["again", "again"], False)
    errors = [entry for entry in logged if entry["log_level"] == "error"]
    assert [(entry["event"], entry["error"]) for entry in errors] == [
        ("runtime_broken", "the runtime fails on every image")
    ] * 2
