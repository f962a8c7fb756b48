"""Undoing gives tags their former values, in events of its own; what people decided stays; an undo can be undone."""

from __future__ import annotations

from typing import Any

import pytest

from db import catalogue as reads, runs
from db.operations import control, selection, undo
from db.schema import ModelVersion, Run
from db.session import reading
from tests.db.catalogues import Catalogue, an_image_tagged, ask
from tests.db.operations.planning import AMINA, make, open_plan, work_off
from worker.operations import undo as commands
from worker.operations.control import cancel, pause, resume


def export(catalogue: Catalogue) -> list[dict[str, Any]]:
    with reading(catalogue.sessions) as session:
        return reads.export_page(session)


def categories(catalogue: Catalogue) -> dict[str, str]:
    return {row["key"]: row["category"] for row in export(catalogue)}


def reprocessed(catalogue: Catalogue, category: str = "Coat", *, version: str = "1", **selected: Any) -> Run:
    """Classify images again, of which everything is `category` now."""
    run = open_plan(catalogue, make(catalogue, version=version, **selected))
    with catalogue.sessions.begin() as session:
        session.get_one(ModelVersion, run.model_version_id)
    while items := catalogue.claim(10, queue_name="ops", model_version_id=run.model_version_id):
        record(catalogue, items, category, run.model_version_id)
    ask(catalogue, runs.close_finished)
    return run


def record(catalogue: Catalogue, items: Any, category: str, model: int) -> None:
    other = Catalogue(catalogue.sessions, model, catalogue.run_id)
    assert other.record(items, category) == len(items)


def undone(catalogue: Catalogue, target: Run | ModelVersion) -> dict[str, int]:
    """Undo; returns what was counted, without zeros, and the run that did it as `run`."""
    run = commands.undo(catalogue.sessions, target, actor=AMINA, why="wrong lamps")
    assert run.state == "finished"
    return {"run": run.id} | {name: run.counts[name] for name in undo.COUNTS if run.counts[name]}


def run_of(catalogue: Catalogue, run_id: int) -> Run:
    run = ask(catalogue, control.find, str(run_id))
    assert isinstance(run, Run)
    return run


def test_an_undo_restores_every_tag_that_the_run_changed_and_its_own_undo_gives_the_same_export(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo, "STEP", 2)
    for key in "abcde":
        an_image_tagged(catalogue, key, "Bag")
    before = export(catalogue)
    run = reprocessed(catalogue)
    after = export(catalogue)

    first = undone(catalogue, run)
    assert export(catalogue) == before
    second = undone(catalogue, run_of(catalogue, first["run"]))
    assert export(catalogue) == after
    third = undone(catalogue, run_of(catalogue, second["run"]))

    assert export(catalogue) == before
    assert first["restored"] == second["restored"] == third["restored"] == 5
    actors = catalogue.sql("SELECT DISTINCT actor FROM tag_event ORDER BY actor")
    assert {row[0] for row in actors} >= {f"run:{done['run']}" for done in (first, second, third)}
    assert catalogue.violations() == []


def test_no_undo_changes_what_a_person_decided_before_or_since(catalogue: Catalogue) -> None:
    ids = {key: an_image_tagged(catalogue, key, "Bag") for key in "abc"}
    catalogue.decide(ids["a"], "Dress")
    run = reprocessed(catalogue)
    catalogue.decide(ids["b"], "Shirt")

    done = undone(catalogue, run)
    again = undone(catalogue, run_of(catalogue, done["run"]))

    assert (done["restored"], done["left_human"]) == (1, 1)
    assert again["restored"] == 1
    assert categories(catalogue) == {"a": "Dress", "b": "Shirt", "c": "Coat"}
    assert catalogue.violations() == []


def test_what_another_run_changed_since_is_left_and_counted(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "a", "Bag")
    an_image_tagged(catalogue, "b", "Bag")
    run = reprocessed(catalogue)
    reprocessed(catalogue, "Shirt", prefixes=("b",))

    done = undone(catalogue, run)

    assert (done["restored"], done["left_changed"]) == (1, 1)
    assert categories(catalogue) == {"a": "Bag", "b": "Shirt"}


def test_two_runs_undone_one_after_the_other_leave_the_tags_of_before_both(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "a", "Bag")
    first = reprocessed(catalogue, "Coat")
    second = reprocessed(catalogue, "Shirt")

    undone(catalogue, second)
    undone(catalogue, first)

    assert categories(catalogue) == {"a": "Bag"}
    assert undone(catalogue, second).keys() == {"run", "left_changed"}
    assert catalogue.violations() == []


def test_an_images_first_tag_is_withdrawn_and_can_be_given_again(catalogue: Catalogue) -> None:
    ids = [an_image_tagged(catalogue, key, "Bag") for key in "abc"]
    catalogue.sql("UPDATE run SET state = 'finished'")
    before = export(catalogue)

    done = undone(catalogue, run_of(catalogue, catalogue.run_id))

    assert (done["restored"], done["withdrawn"]) == (3, 3)
    assert export(catalogue) == []
    assert catalogue.violations() == []
    undone(catalogue, run_of(catalogue, done["run"]))
    assert export(catalogue) == before
    undone(catalogue, run_of(catalogue, catalogue.run_id))
    catalogue.decide(ids[0], "Dress")
    reprocessed(catalogue, "Shirt", missing=True)
    assert categories(catalogue) == {"a": "Dress", "b": "Shirt", "c": "Shirt"}
    assert catalogue.violations() == []


def test_a_tag_that_the_run_only_confirmed_is_left_as_it_is(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "a", "Bag")
    run = reprocessed(catalogue, "Bag")

    assert undone(catalogue, run).keys() == {"run"}
    assert categories(catalogue) == {"a": "Bag"}


def test_a_run_that_changed_a_tag_twice_is_undone_to_before_both(catalogue: Catalogue) -> None:
    object_id = an_image_tagged(catalogue, "a", "Bag")
    run = open_plan(catalogue, make(catalogue))
    work_off(catalogue, run, "Coat")
    catalogue.enqueue([object_id], token="v2", run_id=run.id)
    catalogue.sql("UPDATE source_object SET version_token = 'v2'")
    catalogue.record(catalogue.claim(), "Shirt")
    ask(catalogue, runs.close_finished)

    assert undone(catalogue, run)["restored"] == 1
    assert categories(catalogue) == {"a": "Bag"}


def test_a_model_is_undone_as_a_whole(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo, "WINDOW", 2)
    ids = {key: an_image_tagged(catalogue, key, "Bag") for key in "abcd"}
    reprocessed(catalogue, "Coat", version="2", prefixes=("a", "b", "d"))
    reprocessed(catalogue, "Shirt", version="2", prefixes=("a",))
    catalogue.decide(ids["b"], "Dress")
    model = ask(catalogue, selection.find_model, "net@2")
    assert isinstance(model, ModelVersion)
    after = export(catalogue)

    done = undone(catalogue, model)

    assert (done["restored"], done["left_human"]) == (2, 1)
    assert categories(catalogue) == {"a": "Bag", "b": "Dress", "c": "Bag", "d": "Bag"}
    undone(catalogue, run_of(catalogue, done["run"]))
    assert export(catalogue) == after
    assert catalogue.violations() == []


@pytest.mark.parametrize("state", ["planned", "scanning", "running", "paused"])
def test_a_run_that_may_still_tag_is_not_undone(catalogue: Catalogue, state: str) -> None:
    run = run_of(catalogue, catalogue.another_run("scan:2", state=state))

    with pytest.raises(control.RunRefused, match=f"is {state}"):
        undo.check(run)


def test_an_undo_that_was_killed_or_held_goes_on_where_it_was(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo, "STEP", 1)
    for key in "abc":
        an_image_tagged(catalogue, key, "Bag")
    run = reprocessed(catalogue)
    with catalogue.sessions.begin() as session:
        begun = undo.open_run(session, run, actor=AMINA, why="")
    ask(catalogue, undo.undo_some, begun.id)
    assert sorted(categories(catalogue).values()) == ["Bag", "Coat", "Coat"]

    pause(catalogue.sessions, begun.id, actor=AMINA, why="")
    assert ask(catalogue, undo.undo_some, begun.id) is False
    resume(catalogue.sessions, begun.id, actor=AMINA, why="")

    assert set(categories(catalogue).values()) == {"Bag"}
    ended = run_of(catalogue, begun.id)
    assert (ended.state, ended.counts["restored"]) == ("finished", 3)


def test_a_cancelled_run_can_be_undone_and_resumed(catalogue: Catalogue) -> None:
    for key in "ab":
        an_image_tagged(catalogue, key, "Bag")
    run = open_plan(catalogue, make(catalogue))
    catalogue.record(catalogue.claim(1, queue_name="ops"), "Coat")
    cancel(catalogue.sessions, run.id, actor=AMINA, why="")

    assert undone(catalogue, run)["restored"] == 1
    resume(catalogue.sessions, run.id, actor=AMINA, why="")

    assert work_off(catalogue, run, "Shirt") == ["b"]
    assert categories(catalogue) == {"a": "Bag", "b": "Shirt"}
    assert catalogue.violations() == []
