"""An outage is a fact about a store: what a store refuses for good ends, and what it cannot give for now waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text, update

from db import catalogue, runs
from db.invariants import violations
from db.queue import leases, throttle
from db.schema import Throttle, WorkItem
from db.session import Sessions, reading, sql_now
from tests.worker.fakes import FakeClassifier, FakeStore, Out, scanned_run, tagger
from worker.storage import outages
from worker.storage.store import AccessDenied, StoreMisconfigured, StoreUnavailable
from worker.tagging import Outcome, Tagger, work


@pytest.fixture(autouse=True)
def invariants_hold(sessions: Sessions) -> Iterator[None]:
    yield
    with reading(sessions) as session:
        assert list(violations(session)) == []


def pictures(count: int, content: bytes | Exception = b"photo", name: str = "p") -> dict[str, bytes | Exception]:
    return {f"{name}{number:03}.jpg": content for number in range(count)}


def let_time_pass(sessions: Sessions) -> None:
    """End back-offs and holds."""
    with sessions.begin() as session:
        session.execute(update(WorkItem).where(WorkItem.state == "pending").values(eligible_at=sql_now(session)))
        session.execute(update(Throttle).where(Throttle.until > sql_now(session)).values(until=sql_now(session)))


def counts(sessions: Sessions, run_id: int) -> dict[str, int]:
    with reading(sessions) as session:
        return runs.work_counts(session, run_id)


def work_off(sessions: Sessions, it: Tagger, run_id: int, *, rounds: int) -> int:
    """Work until nothing is open; returns in how many rounds."""
    for number in range(1, rounds + 1):
        work(it, "nightly")
        if not counts(sessions, run_id)["open"]:
            return number
        let_time_pass(sessions)
    raise AssertionError(f"after {rounds} rounds there is still {counts(sessions, run_id)}")


def failures(sessions: Sessions) -> int:
    with reading(sessions) as session:
        return int(session.execute(text("SELECT sum(failures) FROM work_item")).scalar_one())


@pytest.mark.parametrize(
    "error",
    [AccessDenied("403"), StoreUnavailable("500, its volume is lost"), StoreUnavailable("Input/output error")],
    ids=["403", "lost volume", "read error"],
)
def test_images_that_a_store_refuses_for_good_end_though_they_are_all_that_is_left(
    sessions: Sessions, error: Exception
) -> None:
    store = FakeStore(pictures(60) | pictures(17, error, "bad"))
    run_id = scanned_run(sessions, store)
    it = tagger(sessions, store, FakeClassifier(), chunk=20)

    rounds = work_off(sessions, it, run_id, rounds=leases.MAX_FAILURES)

    ended = counts(sessions, run_id)
    assert (rounds, ended["tagged"], ended["quarantined"]) == (leases.MAX_FAILURES, 60, 17)
    with reading(sessions) as session:
        assert throttle.held(session) == []
        assert {row.reason for row in catalogue.failures(session)} == {error.reason}  # type: ignore[attr-defined]


def test_a_process_that_has_read_nothing_yet_asks_by_a_listing(sessions: Sessions) -> None:
    store = Out(pictures(9), out=AccessDenied("403"))
    run_id = scanned_run(sessions, store)

    assert work(tagger(sessions, store, FakeClassifier()), "nightly") == Outcome(retried=9)
    assert counts(sessions, run_id)["open"] == 9


def test_a_store_that_lists_but_reads_nothing_any_more_is_out(sessions: Sessions) -> None:
    store = Out(pictures(8))
    scanned_run(sessions, store)
    it = tagger(sessions, store, FakeClassifier(), chunk=4)
    work(it, "nightly")
    store.out, store.contents = StoreUnavailable("503"), pictures(12)
    run_id = scanned_run(sessions, store, "test:2")

    outcome = work(it, "nightly")
    store.out = None
    let_time_pass(sessions)
    work_off(sessions, it, run_id, rounds=1)

    assert outcome == Outcome(released=4)
    assert failures(sessions) == 0
    assert counts(sessions, run_id)["tagged"] == 4


def test_a_store_that_may_not_be_listed_answers_by_what_was_read_of_it(sessions: Sessions) -> None:
    store = Out(pictures(5) | pictures(4, AccessDenied("403"), "bad"), check_error=StoreMisconfigured("may not list"))
    run_id = scanned_run(sessions, store)

    outcome = work(tagger(sessions, store, FakeClassifier()), "nightly")

    assert outcome == Outcome(tagged=5, retried=4)
    assert counts(sessions, run_id)["open"] == 4


def test_an_outage_in_the_middle_of_a_chunk_burns_no_attempts(sessions: Sessions) -> None:
    store = Out(pictures(30))
    run_id = scanned_run(sessions, store)

    def break_down() -> None:
        store.out = StoreUnavailable("connection refused")

    it = tagger(sessions, store, FakeClassifier(before=break_down), chunk=30, micro_batch=2)

    outcome = work(it, "nightly")

    assert outcome.tagged > 0
    assert outcome.released == 30 - outcome.tagged
    assert failures(sessions) == 0
    assert counts(sessions, run_id)["open"] == outcome.released


@pytest.mark.parametrize(
    ("error", "strikes"),
    [
        (StoreMisconfigured("NoSuchBucket"), outages.STRIKES_OF_MISCONFIGURED),
        (StoreMisconfigured("the folder cannot be listed"), outages.STRIKES_OF_MISCONFIGURED),
        (StoreUnavailable("connection refused"), outages.STRIKES),
    ],
    ids=["bucket", "folder", "server"],
)
def test_a_store_that_stays_away_is_given_up_as_a_whole(sessions: Sessions, error: Exception, strikes: int) -> None:
    store = Out(pictures(40), out=error, check_error=error)
    run_id = scanned_run(sessions, store)

    rounds = work_off(sessions, tagger(sessions, store, FakeClassifier(), chunk=7), run_id, rounds=strikes)

    assert rounds == strikes
    assert counts(sessions, run_id)["quarantined"] == 40
    assert failures(sessions) == 0
    with reading(sessions) as session:
        assert throttle.held(session) == throttle.due(session) == []
        ended = catalogue.failures(session)
        assert {row.reason for row in ended} == {"store_unavailable"}
        assert all(str(error) in row.detail and "a later scan" in row.detail for row in ended)


def test_a_store_that_answers_in_between_is_not_given_up(sessions: Sessions) -> None:
    store = Out(pictures(40))
    run_id = scanned_run(sessions, store)
    it = tagger(sessions, store, FakeClassifier(), chunk=4)

    for number in range(3):
        for _ in range(outages.STRIKES_OF_MISCONFIGURED - 1):
            store.out = store.check_error = StoreMisconfigured("not mounted")
            work(it, "nightly")
            let_time_pass(sessions)
        store.out = store.check_error = None
        store.contents |= pictures(3, name=f"new{number}-")
        new = scanned_run(sessions, store, f"test:new{number}")
        assert work(it, "nightly", run_id=new).tagged == 3

    assert counts(sessions, run_id)["quarantined"] == 0
    work_off(sessions, it, run_id, rounds=1)
    assert counts(sessions, run_id)["tagged"] == 40


def test_a_chunk_of_a_store_that_is_out_is_not_read_to_its_end(sessions: Sessions) -> None:
    error = StoreUnavailable("connection refused")
    store = Out(pictures(300), out=error, check_error=error)
    scanned_run(sessions, store)

    outcome = work(tagger(sessions, store, FakeClassifier(), chunk=300, micro_batch=4), "nightly")

    assert outcome == Outcome(released=300)
    assert len(store.asked) < 100


def test_after_a_pause_a_store_is_asked_before_anything_of_it_is_claimed(sessions: Sessions) -> None:
    error = StoreUnavailable("connection refused")
    store = Out(pictures(8), out=error, check_error=error)
    run_id = scanned_run(sessions, store)
    it = tagger(sessions, store, FakeClassifier())
    work(it, "nightly")
    let_time_pass(sessions)
    store.asked.clear()

    still_out = work(it, "nightly")
    let_time_pass(sessions)
    store.out = store.check_error = None

    assert (still_out, store.asked) == (Outcome(), [])
    assert work(it, "nightly") == Outcome(tagged=8)
    assert counts(sessions, run_id)["tagged"] == 8


def test_a_host_that_alone_cannot_reach_a_store_does_not_give_it_up_for_others(sessions: Sessions) -> None:
    here, elsewhere = Out(pictures(40)), FakeStore(pictures(40))
    here.out = here.check_error = StoreMisconfigured("no such folder")
    run_id = scanned_run(sessions, here)
    one, other = (tagger(sessions, store, FakeClassifier(), chunk=4) for store in (here, elsewhere))
    work(one, "nightly")
    let_time_pass(sessions)
    other.outages.ask_again(None)

    for _ in range(2 * outages.STRIKES_OF_MISCONFIGURED):
        work(one, "nightly")
        let_time_pass(sessions)

    assert counts(sessions, run_id)["quarantined"] == 0
    assert work_off(sessions, other, run_id, rounds=1) == 1
    assert counts(sessions, run_id)["tagged"] == 40


def test_one_dead_store_does_not_hold_up_another(sessions: Sessions) -> None:
    gone = StoreMisconfigured("NoSuchBucket")
    dead, alive = Out(pictures(20), bucket="dead", out=gone, check_error=gone), FakeStore(pictures(30), bucket="alive")
    scanned_run(sessions, dead, "test:dead")
    run_id = scanned_run(sessions, alive, "test:alive")
    it = replace(
        tagger(sessions, alive, FakeClassifier(), chunk=10),
        store_of=lambda bucket: {"dead": dead, "alive": alive}[bucket],
    )

    outcome = work(it, "nightly")

    assert (outcome.tagged, outcome.released) == (30, 10)
    assert counts(sessions, run_id)["open"] == 0
    assert len(dead.asked) == 10
