"""A plan is opened as the dry run showed it, once, and leaves alone what has changed since and what people decided."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from db import runs
from db.operations import plans, reprocess
from db.session import in_transaction
from tests.db.catalogues import LONG_AGO, Catalogue, an_image_tagged, ask
from tests.db.operations.planning import AMINA, figures, left_out, make, open_plan, reread, work_off
from worker.operations import control, reprocess as commands


def test_a_plan_says_what_would_be_classified_again(catalogue: Catalogue) -> None:
    for key, category in (("a", "Bag"), ("b", "Bag"), ("c", "Coat")):
        an_image_tagged(catalogue, key, category)
    catalogue.decide(an_image_tagged(catalogue, "d", "Bag"), "Coat")
    an_image_tagged(catalogue, "gone", "Bag")
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE key = 'gone'", then=LONG_AGO)
    catalogue.items("waiting")

    plan = make(catalogue)

    expected = {"expected_minutes": None, "expected_reviews": 0}
    assert plan.figures == expected | {
        "images": 4,
        "human_left_alone": 1,
        "by_category": {"Bag": 2, "Coat": 1},
        "untagged": 1,
        "by_state": {"done": 3, "pending": 1},
    }
    assert catalogue.value("SELECT count(*) FROM work_item WHERE queue = 'ops'") == 0
    assert figures(catalogue, plan.code) == {"Bag": 2, "Coat": 1}


def test_a_plan_expects_the_pace_of_the_last_run_and_the_reviews_of_the_model(catalogue: Catalogue) -> None:
    for key in "abcd":
        catalogue.items(key)
        catalogue.record(catalogue.claim(), needs_review=key == "a")
    catalogue.sql(
        "UPDATE run SET state = 'finished', counts = :counts, created_at = :began, finished_at = :ended",
        counts='{"tagged": 120}',
        began=LONG_AGO,
        ended=LONG_AGO + timedelta(minutes=60),
    )

    plan = make(catalogue)

    assert (plan.figures["expected_minutes"], plan.figures["expected_reviews"]) == (2.0, 1)


def test_a_plan_becomes_a_run_that_goes_before_the_night_and_keeps_every_images_history(catalogue: Catalogue) -> None:
    ids = [an_image_tagged(catalogue, key) for key in "ab"]
    catalogue.items("night")

    run = open_plan(catalogue, make(catalogue, categories=("Bag",)))

    assert (run.kind, run.state, run.requested_by, run.counts["queued"]) == ("reprocess", "running", AMINA, 2)
    assert work_off(catalogue, run) == ["a", "b"]
    with catalogue.sessions.begin() as session:
        assert runs.close_finished(session) == [run.id]
    results = catalogue.sql("SELECT category FROM classification WHERE object_id = :id ORDER BY id", id=ids[0])
    assert [row[0] for row in results] == ["Bag", "Coat"]
    assert [row[0] for row in catalogue.sql("SELECT text FROM run_note")] == ["new lamps"]
    assert catalogue.violations() == []


def test_opening_a_plan_twice_gives_the_same_run(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "a")
    plan = make(catalogue)

    first, second = open_plan(catalogue, plan), open_plan(catalogue, plan)
    work_off(catalogue, first)
    third = open_plan(catalogue, plan)

    assert first.id == second.id == third.id
    assert catalogue.value("SELECT count(*) FROM work_item WHERE run_id = :id", id=first.id) == 1


def test_what_changed_since_the_dry_run_is_left_out_and_counted(catalogue: Catalogue) -> None:
    ids = {key: an_image_tagged(catalogue, key) for key in ("fine", "gone", "overwritten", "decided", "waiting")}
    plan = make(catalogue)
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE key = 'gone'", then=LONG_AGO)
    catalogue.overwrite(ids["overwritten"], "overwritten", "v2")
    catalogue.decide(ids["decided"], "Coat")
    catalogue.sql("UPDATE work_item SET state = 'pending' WHERE object_id = :id", id=ids["waiting"])
    catalogue.items("new")

    run = open_plan(catalogue, plan)

    each = dict.fromkeys(("left_gone", "left_changed", "left_decided", "left_waiting", "left_new"), 1)
    assert left_out(run) == each
    assert work_off(catalogue, run) == ["fine"]


def test_a_strict_opening_is_refused_as_a_whole(catalogue: Catalogue) -> None:
    ids = [an_image_tagged(catalogue, key) for key in "ab"]
    plan = make(catalogue)
    catalogue.decide(ids[0], "Coat")

    with pytest.raises(commands.PlanChanged, match=r"\(1 decided\)"):
        open_plan(catalogue, plan, strict=True)

    assert catalogue.value("SELECT count(*) FROM run") == 1
    unchanged = make(catalogue)
    assert open_plan(catalogue, unchanged, strict=True).counts["queued"] == 1


def test_newest_first_begins_with_the_newest(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (plans, reprocess):
        monkeypatch.setattr(module, "STEP", 2)
    for age, key in ((3, "a"), (1, "b"), (4, "c"), (0, "d"), (2, "e")):
        object_id = an_image_tagged(catalogue, key)
        then = LONG_AGO - timedelta(days=age)
        catalogue.sql("UPDATE source_object SET last_modified = :then WHERE id = :id", then=then, id=object_id)

    run = open_plan(catalogue, make(catalogue, newest_first=True))

    assert work_off(catalogue, run) == ["d", "b", "e", "a", "c"]


def test_a_decision_after_the_opening_is_left_alone_by_the_result(catalogue: Catalogue) -> None:
    object_id = an_image_tagged(catalogue, "a")
    run = open_plan(catalogue, make(catalogue))
    catalogue.decide(object_id, "Dress")

    work_off(catalogue, run)

    assert catalogue.value("SELECT category FROM image_tag") == "Dress"
    assert catalogue.violations() == []


def test_another_model_classifies_what_the_plan_pinned_it_for(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "a")

    run = open_plan(catalogue, make(catalogue, version="2"))

    assert run.model_version_id != catalogue.model_id
    assert work_off(catalogue, run) == ["a"]


def test_an_opening_that_was_killed_goes_on_where_it_was(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reprocess, "STEP", 2)
    for key in "abcde":
        an_image_tagged(catalogue, key)
    plan = make(catalogue)
    run, _ = in_transaction(catalogue.sessions, partial(reprocess.open_run, plan=plan, actor=AMINA, why=""))
    ask(catalogue, reprocess.queue_some, run.id)

    begun = work_off(catalogue, run)
    closed = ask(catalogue, runs.close_finished)
    waiting = in_transaction(catalogue.sessions, partial(reprocess.unopened, stale_s=-60))
    scans = in_transaction(catalogue.sessions, partial(runs.abandoned_scans, stale_s=-60))
    commands.queue_all(catalogue.sessions, run.id)

    assert (begun, closed, waiting, scans) == (["a", "b"], [catalogue.run_id], [run.id], [])
    assert work_off(catalogue, run) == ["c", "d", "e"]
    assert reread(catalogue, run).counts["queued"] == 5


def test_an_opening_that_was_paused_goes_on_when_its_run_is_resumed(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reprocess, "STEP", 1)
    for key in "abc":
        an_image_tagged(catalogue, key)
    plan = make(catalogue)
    run, _ = in_transaction(catalogue.sessions, partial(reprocess.open_run, plan=plan, actor=AMINA, why=""))
    ask(catalogue, reprocess.queue_some, run.id)

    control.pause(catalogue.sessions, run.id, actor=AMINA, why="")
    held = open_plan(catalogue, plan).state
    control.resume(catalogue.sessions, run.id, actor=AMINA, why="")

    assert held == "paused"
    assert reread(catalogue, run).state == "running"
    assert work_off(catalogue, run) == ["a", "b", "c"]


def test_a_plan_that_was_interrupted_or_never_made_cannot_be_opened(catalogue: Catalogue) -> None:
    plan = make(catalogue)
    catalogue.sql("UPDATE plan SET frozen_at = NULL")

    with pytest.raises(plans.NoSuchPlan, match="is not complete"):
        ask(catalogue, plans.find, plan.code)
    with pytest.raises(plans.NoSuchPlan, match="there is no plan P-0"):
        ask(catalogue, plans.find, "P-0")


def test_a_code_that_is_taken_is_not_given_twice(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans.secrets, "token_hex", lambda _: "7f3a0123456789ab")

    assert [make(catalogue).code for _ in range(3)] == ["P-7f3a", "P-7f3a0", "P-7f3a01"]
