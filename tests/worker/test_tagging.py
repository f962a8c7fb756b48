"""The pipeline against real catalogues, with a store and a classifier that fail as told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text, update

from db import catalogue, runs
from db.invariants import violations
from db.queue import claims, leases, throttle
from db.schema import Run, WorkItem
from db.session import Sessions, reading
from tests.worker.fakes import FakeClassifier, FakeStore, scanned_run, tagger
from worker.storage.store import AccessDenied, ChangedDuringRead, ImageNotFound, StoreUnavailable
from worker.tagging import Outcome, work


@pytest.fixture(autouse=True)
def invariants_hold(sessions: Sessions) -> Iterator[None]:
    yield
    with reading(sessions) as session:
        assert list(violations(session)) == []


def counts(sessions: Sessions, run_id: int) -> dict[str, int]:
    with reading(sessions) as session:
        return runs.work_counts(session, run_id)


def reasons(sessions: Sessions) -> dict[str, str]:
    with reading(sessions) as session:
        return {row.key: row.reason for row in catalogue.failures(session)}


def test_every_image_is_tagged_in_micro_batches(sessions: Sessions) -> None:
    store = FakeStore({f"{n:03}.jpg": b"photo" for n in range(150)})
    classifier = FakeClassifier()
    run_id = scanned_run(sessions, store)

    outcome = work(tagger(sessions, store, classifier, chunk=100, micro_batch=64), "nightly")

    assert outcome == Outcome(tagged=150)
    assert sum(classifier.batches) == 150
    assert max(classifier.batches) <= 64
    assert counts(sessions, run_id)["tagged"] == 150


def test_confidence_is_stored_in_units_of_1e_4_and_shown_as_a_fraction(sessions: Sessions) -> None:
    store = FakeStore({"a.jpg": b"photo"})
    scanned_run(sessions, store)

    work(tagger(sessions, store, FakeClassifier(confidence=0.97311)), "nightly")

    with reading(sessions) as session:
        assert session.execute(text("SELECT confidence FROM image_tag")).scalar_one() == 9731
        assert float(catalogue.export_page(session)[-1]["confidence"]) == 0.9731


def test_one_bad_picture_does_not_fail_its_batch(sessions: Sessions) -> None:
    store = FakeStore(
        {
            "bomb.png": b"bad:too_many_pixels",
            "broken.jpg": b"bad:corrupt",
            "fine.jpg": b"photo",
            "gone.jpg": ImageNotFound("gone"),
            "new.jpg": ChangedDuringRead("changed"),
        }
    )
    run_id = scanned_run(sessions, store)

    work(tagger(sessions, store, FakeClassifier()), "nightly")

    assert counts(sessions, run_id) | {"needs_review": 0} == {
        "tagged": 1,
        "needs_review": 0,
        "skipped": 4,
        "quarantined": 0,
        "cancelled": 0,
        "open": 0,
    }
    assert reasons(sessions) == {
        "bomb.png": "too_many_pixels",
        "broken.jpg": "corrupt",
        "gone.jpg": "not_found",
        "new.jpg": "changed_during_read",
    }


def test_an_outage_burns_no_attempts_and_holds_everybody(sessions: Sessions) -> None:
    store = FakeStore({f"{n}.jpg": StoreUnavailable("503") for n in range(8)}, reachable=False)
    scanned_run(sessions, store)

    outcome = work(tagger(sessions, store, FakeClassifier()), "nightly")

    assert outcome.released == 8
    with reading(sessions) as session:
        assert [held.name for held in throttle.held(session)] == ["shop"]
        assert claims.claimable(session, "nightly") == 0
        assert session.execute(text("SELECT sum(failures) FROM work_item")).scalar_one() == 0


def test_a_single_unreachable_image_waits_and_is_quarantined_in_the_end(sessions: Sessions) -> None:
    store = FakeStore({"a.jpg": b"photo", "b.jpg": b"photo", "c.jpg": b"photo", "d.jpg": StoreUnavailable("503")})
    run_id = scanned_run(sessions, store)
    it = tagger(sessions, store, FakeClassifier())

    for _ in range(leases.MAX_FAILURES):
        work(it, "nightly")
        with sessions.begin() as session:
            session.execute(
                update(WorkItem).where(WorkItem.state == "pending").values(eligible_at=leases.sql_now(session))
            )

    assert counts(sessions, run_id)["tagged"] == 3
    assert counts(sessions, run_id)["quarantined"] == 1
    assert reasons(sessions) == {"d.jpg": "store_unavailable"}


def test_a_small_rest_is_not_blamed_for_an_outage(sessions: Sessions) -> None:
    store = FakeStore({"last.jpg": StoreUnavailable("connection refused")}, reachable=False)
    scanned_run(sessions, store)

    outcome = work(tagger(sessions, store, FakeClassifier()), "nightly")

    assert (outcome.released, outcome.retried) == (1, 0)


def test_a_refused_key_in_a_bucket_is_tried_again_but_not_in_a_folder(sessions: Sessions) -> None:
    contents = {"a.jpg": b"photo", "b.jpg": b"photo", "c.jpg": b"photo", "d.jpg": AccessDenied("403")}
    in_bucket = FakeStore(dict(contents))
    in_folder = FakeStore(dict(contents), bucket="file:///photos")
    bucket_run = scanned_run(sessions, in_bucket, "test:bucket")
    work(tagger(sessions, in_bucket, FakeClassifier()), "nightly")
    folder_run = scanned_run(sessions, in_folder, "test:folder")

    work(tagger(sessions, in_folder, FakeClassifier()), "nightly")

    assert counts(sessions, bucket_run)["open"] == 1
    assert counts(sessions, folder_run)["skipped"] == 1


def test_a_result_that_comes_after_its_lease_was_lost_is_dropped(sessions: Sessions) -> None:
    store = FakeStore({"a.jpg": b"photo"})
    run_id = scanned_run(sessions, store)
    quick = tagger(sessions, store, FakeClassifier())

    def lose_the_lease() -> None:
        with sessions.begin() as session:
            session.execute(update(WorkItem).values(eligible_at=leases.sql_now(session, -1)))
        assert work(quick, "nightly").tagged == 1

    outcome = work(tagger(sessions, store, FakeClassifier(before=lose_the_lease)), "nightly")

    assert (outcome.tagged, outcome.lost) == (0, 1)
    assert counts(sessions, run_id)["tagged"] == 1


def test_a_cancelled_run_takes_no_results(sessions: Sessions) -> None:
    store = FakeStore({"a.jpg": b"photo"})
    run_id = scanned_run(sessions, store)

    def cancel() -> None:
        with sessions.begin() as session:
            session.execute(update(Run).values(state="cancelled"))
            session.execute(update(WorkItem).values(state="cancelled"))

    outcome = work(tagger(sessions, store, FakeClassifier(before=cancel)), "nightly")

    assert (outcome.tagged, outcome.lost) == (0, 1)
    assert counts(sessions, run_id)["cancelled"] == 1


def test_what_is_urgent_goes_before_the_next_chunk_of_the_night(sessions: Sessions) -> None:
    store = FakeStore(dict.fromkeys(("a", "b", "c", "d"), b"photo"))
    scanned_run(sessions, store)

    def ask_for_the_last() -> None:
        with sessions.begin() as session:
            session.execute(update(WorkItem).where(WorkItem.id == 4).values(queue="ops"))

    work(tagger(sessions, store, FakeClassifier(before=ask_for_the_last), chunk=1), "ops", "nightly")

    with reading(sessions) as session:
        order = session.execute(text("SELECT work_item_id FROM classification ORDER BY id")).scalars().all()
    assert order == [1, 4, 2, 3]


def test_a_stopping_process_gives_its_chunk_back_uncounted(sessions: Sessions) -> None:
    store = FakeStore({f"{n:03}.jpg": b"photo" for n in range(100)})
    run_id = scanned_run(sessions, store)
    stop: list[bool] = []
    classifier = FakeClassifier(before=lambda: stop.append(True))

    outcome = work(tagger(sessions, store, classifier, micro_batch=10, stopping=lambda: bool(stop)), "nightly")

    left = counts(sessions, run_id)
    assert outcome.tagged >= 10
    assert left["open"] == 100 - outcome.tagged
    with reading(sessions) as session:
        assert claims.claimable(session, "nightly") == left["open"]


def test_a_bundle_that_cannot_be_loaded_costs_no_item_its_lease(sessions: Sessions) -> None:
    store = FakeStore({"a.jpg": b"photo"})
    scanned_run(sessions, store)
    broken = tagger(sessions, store, FakeClassifier())
    object.__setattr__(broken, "classifier_of", lambda model_version_id: (_ for _ in ()).throw(OSError("no bundle")))

    with pytest.raises(OSError, match="no bundle"):
        work(broken, "nightly")

    with reading(sessions) as session:
        assert session.execute(text("SELECT state, fence FROM work_item")).one() == ("pending", 0)


def test_leases_are_renewed_while_a_chunk_takes_long(sessions: Sessions) -> None:
    store = FakeStore({f"{n}.jpg": b"photo" for n in range(30)})
    run_id = scanned_run(sessions, store)
    import time

    slow = FakeClassifier(before=lambda: time.sleep(0.25))

    outcome = work(tagger(sessions, store, slow, micro_batch=5, lease_s=0.6), "nightly")

    assert outcome.tagged == 30
    assert outcome.lost == 0
    assert counts(sessions, run_id)["tagged"] == 30
