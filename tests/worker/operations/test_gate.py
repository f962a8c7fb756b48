"""The gate: a night unlike the good ones is held before much of it is tagged, and an ordinary one never is."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

from db import runs
from db.operations import notes, undo
from db.operations.control import RunRefused
from db.reporting import batches, gate
from db.reporting.batches import Batch
from db.schema import Run
from db.session import Sessions, reading
from model.classifier import Prediction
from tests.db.catalogues import Catalogue, ask
from tests.worker.fakes import FakeClassifier, FakeStore, tagger
from tests.worker.operations.good_nights import ORDINARY, a_good_night, drawn, open_night
from worker.operations import control
from worker.operations.gate import Gate
from worker.tagging import work

IMAGES = 10_000


@dataclass
class Greys(FakeClassifier):
    """Is unsure of everything, and has seen nothing like it, as of grey noise."""

    def classify(self, images: np.ndarray) -> list[Prediction]:
        scores = np.array([0.3, 0.2], np.float32)
        return [Prediction("dress", 0.3, scores, 9.0, True, "unlike_training") for _ in images]


@pytest.fixture(autouse=True)
def ten_good_nights(request: pytest.FixtureRequest) -> None:
    """Let ten good nights have ended in the catalogue, if the test asks for one."""
    if "catalogue" not in request.fixturenames:
        return
    catalogue, chance = request.getfixturevalue("catalogue"), random.Random(7)
    for night in range(10):
        a_good_night(catalogue, f"2026-11-{night + 10}", chance)


def tonight(catalogue: Catalogue, images: int) -> int:
    run_id = open_night(catalogue, "2026-11-22")
    for first in range(0, images, 1000):
        catalogue.items(*(f"{number:05}" for number in range(first, min(first + 1000, images))), run_id=run_id)
    return run_id


def state_of(catalogue: Catalogue, run_id: int) -> str:
    with reading(catalogue.sessions) as session:
        return session.get_one(Run, run_id).state


def worker(catalogue: Catalogue, classifier: FakeClassifier, *, holds: bool = True, **options: object) -> object:
    store = FakeStore({f"{number:05}": b"photo" for number in range(IMAGES)})
    it = tagger(catalogue.sessions, store, classifier, gate=Gate(holds=holds), **options)
    return work(it, "nightly")


def test_a_night_of_swapped_pictures_is_held_after_three_percent_of_it(catalogue: Catalogue) -> None:
    run_id = tonight(catalogue, IMAGES)

    with ThreadPoolExecutor(2) as workers:  # each of which would claim more than that at once
        list(workers.map(lambda _: worker(catalogue, Greys(), chunk=1024), range(2)))

    counts = ask(catalogue, runs.work_counts, run_id)
    assert state_of(catalogue, run_id) == "paused"
    assert 200 <= counts["tagged"] <= 0.03 * IMAGES  # type: ignore[index]
    [note] = ask(catalogue, notes.of_run, run_id)  # type: ignore[misc]
    assert (note["by"], note["action"]) == ("gate", "paused")
    assert "unlike training 100.0% (good nights: 0.0% to " in note["text"]


def test_what_is_held_goes_on_once_somebody_accepts_it_and_is_held_no_more(catalogue: Catalogue) -> None:
    run_id = tonight(catalogue, 400)
    worker(catalogue, Greys(), chunk=256)
    with pytest.raises(RunRefused, match="--accept"):
        control.resume(catalogue.sessions, run_id, actor="person:amina", why="")

    assert control.accept(catalogue.sessions, run_id, actor="person:amina", why="new season")
    assert not control.accept(catalogue.sessions, run_id, actor="person:juma", why="again")
    assert control.resume(catalogue.sessions, run_id, actor="person:amina", why="new season")
    worker(catalogue, Greys())
    ask(catalogue, runs.close_finished)

    assert state_of(catalogue, run_id) == "finished"
    found = gate.as_json(ask(catalogue, gate.finding, run_id))  # type: ignore[arg-type]
    assert found is not None
    assert (found["action"], found["accepted_by"], found["accepted_why"]) == ("held", "amina", "new season")
    assert len(ask(catalogue, gate.good_nights, a_run(catalogue, open_night(catalogue, "2026-11-23")))) == 11  # type: ignore[arg-type]


def a_run(catalogue: Catalogue, run_id: int) -> Run:
    with reading(catalogue.sessions) as session:
        return session.get_one(Run, run_id)


@pytest.mark.parametrize("known", [3, 10])
def test_by_default_or_with_few_good_nights_it_only_warns_once(catalogue: Catalogue, known: int) -> None:
    catalogue.sql("DELETE FROM run_batch WHERE run_id > :last", last=catalogue.run_id + known)
    run_id = tonight(catalogue, 300)

    worker(catalogue, Greys(), chunk=100, holds=known < 5)

    assert ask(catalogue, runs.work_counts, run_id)["tagged"] == 300  # type: ignore[index]
    assert len(ask(catalogue, notes.of_run, run_id)) == 1  # type: ignore[arg-type]
    found = ask(catalogue, gate.finding, run_id)
    assert found.action == ("learning" if known < 5 else "warned")  # type: ignore[attr-defined]
    ask(catalogue, runs.close_finished)
    good = ask(catalogue, gate.good_nights, a_run(catalogue, open_night(catalogue, "2026-11-23")))
    assert len(good) == (4 if known < 5 else 10)  # type: ignore[arg-type]


def test_nights_that_were_undone_or_of_another_model_are_no_measure(catalogue: Catalogue) -> None:
    now = a_run(catalogue, open_night(catalogue, "2026-11-22"))
    catalogue.another_run("scan:other", model="other")
    catalogue.sql("UPDATE run SET model_version_id = model_version_id + 1 WHERE logical_key = 'nightly:2026-11-10'")
    catalogue.sql("UPDATE run SET state = 'cancelled' WHERE logical_key = 'nightly:2026-11-11'")
    third = catalogue.value("SELECT id FROM run WHERE logical_key = 'nightly:2026-11-12'")
    with catalogue.sessions.begin() as session:
        undo.open_run(session, session.get_one(Run, third), actor="person:amina", why="wrong model")

    assert len(ask(catalogue, gate.good_nights, now)) == 7  # type: ignore[arg-type]


def test_images_that_are_handed_out_and_never_come_back_keep_a_night_for_a_lease_at_most(catalogue: Catalogue) -> None:
    run_id = tonight(catalogue, 1000)
    taken, limits = [], Gate(holds=True).limits
    for _ in range(4):
        with catalogue.sessions.begin() as session:
            left = limits(session)[run_id]
        taken.append(len(catalogue.claim(200, at_most={run_id: left})))

    assert taken == [200, 100, 0, 0]
    catalogue.let_leases_end()
    assert catalogue.claim(200) != []


def test_rows_of_a_night_that_ended_become_few_and_keep_their_sums(catalogue: Catalogue) -> None:
    run_id = open_night(catalogue, "2026-11-22")
    with catalogue.sessions.begin() as session:
        for batch in drawn(20_000, ORDINARY, random.Random(1)):
            batch.seconds["read"] = 0.25
            batches.add(session, {run_id: batch})
        before = batches.total(session, run_id)

        batches.compact(session, run_id)

        assert batches.total(session, run_id) == before
        assert 40 <= len(batches.blocks(session, [run_id])[run_id]) <= 50


def test_failures_and_the_seconds_of_each_stage_are_summed_up_by_run(catalogue: Catalogue) -> None:
    run_id = tonight(catalogue, 100)
    contents: dict[str, bytes | Exception] = {f"{number:05}": b"photo" for number in range(100)}
    store = FakeStore(contents | {"00007": b"bad:corrupt"})

    work(tagger(catalogue.sessions, store, FakeClassifier(), micro_batch=40), "nightly")

    far = ask(catalogue, batches.total, run_id)
    assert isinstance(far, Batch)
    assert (far.images, far.failed, far.results, far.bands[9]) == (100, 1, 99, 99)
    assert all(far.seconds[stage] > 0 for stage in ("read", "decode", "classify", "record"))


def test_what_is_recorded_again_as_its_commit_got_no_answer_is_summed_up_once(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from worker import tagging

    run_id = tonight(catalogue, 10)
    once = tagging.in_transaction

    def twice(sessions: Sessions, done: object) -> object:
        once(sessions, done)  # type: ignore[arg-type]
        return once(sessions, done)  # type: ignore[arg-type]

    monkeypatch.setattr(tagging, "in_transaction", twice)
    store = FakeStore({f"{number:05}": b"photo" for number in range(10)})
    work(tagger(catalogue.sessions, store, FakeClassifier()), "nightly")

    assert ask(catalogue, batches.total, run_id).images == 10  # type: ignore[attr-defined]
