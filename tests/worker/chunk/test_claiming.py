"""A process that looks for work slowly goes on where it was, and looks at everything again before long."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text

from db.queue import claims
from db.session import Sessions
from tests.worker.fakes import FakeClassifier, FakeStore, scanned_run, tagger
from worker.chunk import claiming
from worker.tagging import work

CHUNKS = 10


@dataclass
class Clock:
    """A clock that goes on by what each look costs."""

    now: float = 0.0
    look_s: float = 0.0
    looks: int = 0
    queues: list[str] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock, look = Clock(), claims.next_model

    def slow(session: Any, queue: str, run_id: int | None = None) -> int | None:
        clock.now += clock.look_s
        clock.looks += queue == "nightly"
        return look(session, queue, run_id)

    monkeypatch.setattr(claiming, "time", clock)
    monkeypatch.setattr(claims, "next_model", slow)
    return clock


def tag_all(sessions: Sessions, clock: Clock, *queues: str, chunk_s: float) -> int:
    """Tag ten chunks of which each takes so long."""
    scanned_run(sessions, FakeStore({f"{n:02}.jpg": b"photo" for n in range(2 * CHUNKS)}))

    def before() -> None:
        clock.now += chunk_s

    store = FakeStore({f"{n:02}.jpg": b"photo" for n in range(2 * CHUNKS)})
    return work(tagger(sessions, store, FakeClassifier(before=before), chunk=2), *queues).tagged


def test_a_slow_look_is_not_repeated_for_each_chunk(sessions: Sessions, clock: Clock) -> None:
    clock.look_s = 0.1

    assert tag_all(sessions, clock, "nightly", chunk_s=0.5) == 2 * CHUNKS
    assert clock.looks <= CHUNKS / 4 + 2  # it goes on for 20 looks' time; two more find nothing left


def test_a_quick_look_is_repeated_for_each_chunk(sessions: Sessions, clock: Clock) -> None:
    clock.look_s = 0.001

    assert tag_all(sessions, clock, "nightly", chunk_s=0.5) == 2 * CHUNKS
    assert clock.looks >= CHUNKS


def test_a_process_that_goes_on_leaves_what_is_paused(sessions: Sessions, clock: Clock) -> None:
    clock.look_s = 10.0
    pauses = iter([False, False, True])

    def before() -> None:
        if next(pauses, False):
            with sessions.begin() as session:
                session.execute(text("UPDATE run SET state = 'paused'"))

    store = FakeStore({f"{n:02}.jpg": b"photo" for n in range(2 * CHUNKS)})
    scanned_run(sessions, store)

    assert work(tagger(sessions, store, FakeClassifier(before=before), chunk=2), "nightly").tagged == 6


def test_a_process_that_goes_on_turns_to_urgent_work_within_a_chunk(sessions: Sessions, clock: Clock) -> None:
    clock.look_s = 10.0
    store = FakeStore({f"{n:02}.jpg": b"photo" for n in range(2 * CHUNKS)})
    scanned_run(sessions, store)
    urgent, done = text("UPDATE work_item SET queue = 'ops' WHERE id = (SELECT max(id) FROM work_item)"), []

    def before() -> None:
        with sessions.begin() as session:
            if not done:
                session.execute(urgent)
            done.append(session.execute(text("SELECT state FROM work_item WHERE queue = 'ops'")).scalar_one())

    work(tagger(sessions, store, FakeClassifier(before=before), chunk=2), "ops", "nightly")

    assert done[1] == "leased"
