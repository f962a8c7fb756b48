"""Pausing, resuming and cancelling of runs: what is claimed, what counts, and what is left where it stopped halfway."""

from __future__ import annotations

from typing import Any

import pytest

from db import runs
from db.operations import control
from db.schema import Run
from tests.db.catalogues import Catalogue, ask, keys_of
from worker.operations import control as commands


def state(catalogue: Catalogue, run: int) -> str:
    return str(catalogue.value("SELECT state FROM run WHERE id = :id", id=run))


def change(verb: str, catalogue: Catalogue, run: int | None = None) -> bool:
    result: bool = getattr(commands, verb)(
        catalogue.sessions, run or catalogue.run_id, actor="person:amina", why="the store is slow"
    )
    return result


def test_nothing_of_a_paused_run_is_claimed_until_it_is_resumed(catalogue: Catalogue) -> None:
    catalogue.items("a", "b")

    assert change("pause", catalogue)
    assert catalogue.claim() == []
    assert not change("pause", catalogue)
    assert change("resume", catalogue)

    assert keys_of(catalogue.claim()) == ["a", "b"]
    assert catalogue.violations() == []


def test_a_chunk_at_hand_is_recorded_though_its_run_was_paused(catalogue: Catalogue) -> None:
    catalogue.items("a")
    items = catalogue.claim()

    change("pause", catalogue)

    assert catalogue.record(items) == 1


def test_a_result_for_a_cancelled_item_is_refused(catalogue: Catalogue) -> None:
    catalogue.items("a", "b")
    items = catalogue.claim(1)

    assert change("cancel", catalogue)

    assert catalogue.record(items) == 0
    assert catalogue.claim() == []
    assert catalogue.states() == {"a": "cancelled", "b": "cancelled"}
    assert state(catalogue, catalogue.run_id) == "cancelled"
    assert catalogue.violations() == []


def test_a_cancelled_run_is_resumed_with_what_was_still_open(catalogue: Catalogue) -> None:
    catalogue.items("a", "b", "c")
    catalogue.record(catalogue.claim(1))
    change("cancel", catalogue)

    assert change("resume", catalogue)

    assert keys_of(catalogue.claim()) == ["b", "c"]
    assert state(catalogue, catalogue.run_id) == "running"
    assert catalogue.value("SELECT finished_at FROM run") is None


def test_resuming_opens_nothing_that_is_gone_overwritten_or_waits_elsewhere(catalogue: Catalogue) -> None:
    catalogue.items("fine", "gone", "overwritten", "elsewhere")
    change("cancel", catalogue)
    ids = dict(catalogue.sql("SELECT key, id FROM source_object"))
    catalogue.sql("UPDATE source_object SET gone_at = first_seen WHERE key = 'gone'")
    catalogue.sql("UPDATE source_object SET version_token = 'v2' WHERE key = 'overwritten'")
    other = catalogue.another_run("scan:2")
    catalogue.enqueue([ids["elsewhere"]], run_id=other)

    change("resume", catalogue)

    assert keys_of(catalogue.claim(run_id=catalogue.run_id)) == ["fine"]
    assert keys_of(catalogue.claim(run_id=other)) == ["elsewhere"]


def test_a_cancellation_that_was_killed_leaves_a_paused_run_and_is_ended_by_the_same_command(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.items("a", "b", "c")
    monkeypatch.setattr(control, "STEP", 1)
    ask(catalogue, control.begin_cancel, catalogue.run_id)
    ask(catalogue, control.cancel_some, catalogue.run_id, 0)

    assert sorted(catalogue.states().values()) == ["cancelled", "pending", "pending"]
    assert state(catalogue, catalogue.run_id) == "paused"
    assert catalogue.claim() == []
    assert catalogue.violations() == []

    assert change("cancel", catalogue)
    assert set(catalogue.states().values()) == {"cancelled"}
    assert change("resume", catalogue)
    assert len(catalogue.claim()) == 3


def test_a_cancellation_stopped_halfway_can_be_resumed_from(catalogue: Catalogue) -> None:
    catalogue.items("a", "b")
    ask(catalogue, control.begin_cancel, catalogue.run_id)
    ask(catalogue, control.cancel_some, catalogue.run_id, 0)

    assert change("resume", catalogue)

    assert len(catalogue.claim()) == 2
    assert catalogue.violations() == []


@pytest.mark.parametrize(("was", "goes_on"), [("planned", "planned"), ("scanning", "planned"), ("running", "running")])
@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_a_run_goes_on_where_it_was_held(catalogue: Catalogue, was: str, goes_on: str, verb: str) -> None:
    run = catalogue.another_run("scan:2", state=was)
    change(verb, catalogue, run)

    change("resume", catalogue, run)

    assert state(catalogue, run) == goes_on


def test_a_scan_stops_at_its_next_page_when_its_run_is_paused(catalogue: Catalogue) -> None:
    run = catalogue.another_run("scan:2", state="scanning")
    change("pause", catalogue, run)

    with catalogue.sessions.begin() as session, pytest.raises(runs.ScanTakenOver):
        runs.advance(session, run, expected="", cursor="a", counts={})


@pytest.mark.parametrize("verb", ["pause", "cancel", "resume"])
def test_a_finished_run_is_left_as_it_is(catalogue: Catalogue, verb: str) -> None:
    run = catalogue.another_run("scan:2", state="finished")

    with pytest.raises(control.RunRefused, match=f"run {run} is finished"):
        change(verb, catalogue, run)

    assert state(catalogue, run) == "finished"


def test_who_did_what_and_why_stays_with_the_run(catalogue: Catalogue) -> None:
    for verb in ("pause", "resume", "cancel"):
        change(verb, catalogue)

    notes = catalogue.sql("SELECT action, actor, text FROM run_note ORDER BY id")

    assert [row.action for row in notes] == ["paused", "resumed", "cancelled"]
    assert {(row.actor, row.text) for row in notes} == {("person:amina", "the store is slow")}


def test_a_run_is_found_by_its_id_and_by_its_logical_key(catalogue: Catalogue) -> None:
    def found(name: str) -> Any:
        run = ask(catalogue, control.find, name)
        assert isinstance(run, Run)
        return run.id

    assert found(str(catalogue.run_id)) == found("scan:1") == catalogue.run_id
    for name in ("999", "scan:2", "9" * 30, "²"):
        with pytest.raises(control.NoSuchRun):
            found(name)
