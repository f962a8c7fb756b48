"""An image that takes its decoder too long, or with it, is struck alone; its neighbours do not notice."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import text, update

from db import runs
from db.invariants import violations
from db.queue import claims, leases
from db.schema import WorkItem
from db.session import Sessions, reading, sql_now
from model.images.decoder_pool import DecoderKilled, DecodersClosed
from tests.worker.fakes import FakeClassifier, FakeStore, scanned_run, tagger
from worker.tagging import Outcome, work


class Struck(FakeClassifier):
    """Raises what is asked for instead of preparing `b"bomb"`."""

    error: Exception = DecoderKilled("too_slow", "decoding it took longer than 20 s")

    def prepare(self, data, limits):  # type: ignore[no-untyped-def]
        if data == b"bomb":
            raise self.error
        return super().prepare(data, limits)


def no_backoff(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(update(WorkItem).where(WorkItem.state == "pending").values(eligible_at=sql_now(session)))


def item(sessions: Sessions, key: str) -> tuple[str, int, int, str | None]:
    statement = text(
        "SELECT w.state, w.crashes, w.failures, w.reason FROM work_item w"
        " JOIN source_object o ON o.id = w.object_id WHERE o.key = :key"
    )
    with reading(sessions) as session:
        return tuple(session.execute(statement, {"key": key}).one())  # type: ignore[return-value]


@pytest.mark.parametrize("reason", ["too_slow", "crashed_worker"])
def test_three_strikes_quarantine_an_image_and_no_other(sessions: Sessions, reason: str) -> None:
    store = FakeStore({f"{n:02}.jpg": b"photo" for n in range(20)} | {"05b.jpg": b"bomb"})
    run_id = scanned_run(sessions, store)
    classifier = Struck()
    classifier.error = DecoderKilled(reason, "it did not end well")
    it = tagger(sessions, store, classifier)

    assert work(it, "nightly") == Outcome(tagged=20, retried=1)
    assert item(sessions, "05b.jpg") == ("pending", 1, 0, reason)
    for _ in range(leases.MAX_CRASHES - 1):
        no_backoff(sessions)
        assert work(it, "nightly") == Outcome(retried=1)

    assert item(sessions, "05b.jpg") == ("quarantined", 3, 0, reason)
    with reading(sessions) as session:
        assert runs.work_counts(session, run_id)["open"] == 0
        assert list(violations(session)) == []


def test_a_struck_image_is_claimed_alone_and_after_those_without_a_strike(sessions: Sessions) -> None:
    store = FakeStore({"a.jpg": b"bomb", "b.jpg": b"bomb"})
    scanned_run(sessions, store)
    work(tagger(sessions, store, Struck()), "nightly")
    store.contents["z.jpg"] = b"photo"
    scanned_run(sessions, store, "test:2")
    no_backoff(sessions)

    def claim() -> list[tuple[str, bool]]:
        with sessions.begin() as session:
            model = claims.next_model(session, "nightly")
            assert model is not None
            items = claims.claim(session, queue="nightly", model_version_id=model, owner="me", limit=10)
            return [(each.key, each.alone) for each in items]

    assert [claim(), claim(), claim()] == [[("z.jpg", False)], [("a.jpg", True)], [("b.jpg", True)]]


def test_what_a_stopping_process_closed_is_given_back_uncounted(sessions: Sessions) -> None:
    store = FakeStore({"a.jpg": b"bomb"})
    scanned_run(sessions, store)
    stopping = threading.Event()
    classifier = Struck()
    classifier.error = DecodersClosed("the decoders were closed")
    it = tagger(sessions, store, classifier, stopping=stopping.is_set)
    stop_while_reading = FakeStore.read

    def read(*arguments, **options):  # type: ignore[no-untyped-def]
        stopping.set()
        return stop_while_reading(store, *arguments, **options)

    store.read = read  # type: ignore[method-assign]

    assert work(it, "nightly") == Outcome(released=1)
    assert item(sessions, "a.jpg") == ("pending", 0, 0, None)


def test_what_is_ready_is_recorded_while_one_image_takes_long(sessions: Sessions) -> None:
    store = FakeStore({f"{n:02}.jpg": b"photo" for n in range(10)} | {"00b.jpg": b"slow"})
    run_id = scanned_run(sessions, store)
    done = threading.Event()

    class Slow(FakeClassifier):
        def prepare(self, data, limits):  # type: ignore[no-untyped-def]
            if data == b"slow":
                done.wait(30)
            return super().prepare(data, limits)

    worker = threading.Thread(target=work, args=(tagger(sessions, store, Slow()), "nightly"))
    worker.start()
    ends_at, tagged = time.monotonic() + 15, 0
    while tagged < 10 and time.monotonic() < ends_at:
        with reading(sessions) as session:
            tagged = runs.work_counts(session, run_id)["tagged"]
        time.sleep(0.1)
    done.set()
    worker.join()

    assert tagged == 10
