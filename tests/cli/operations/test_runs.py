"""`tagger runs`: what other programs read, and what asks for a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.app import app
from tests.db.catalogues import Catalogue
from worker.operations import control

pytestmark = pytest.mark.usefixtures("connections_closed")


@pytest.fixture
def catalogue(small_catalogue: Catalogue) -> Catalogue:
    return small_catalogue


def tagger(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["runs", *arguments])


def read(*arguments: str) -> Any:
    done = tagger(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_the_list_has_what_other_programs_read(catalogue: Catalogue) -> None:
    catalogue.another_run("scan:2")

    newest, oldest = read()

    assert newest["id"] > oldest["id"]
    assert oldest["finished_at"] is None
    del oldest["created_at"], oldest["finished_at"]
    assert oldest == {
        "id": catalogue.run_id,
        "logical_key": "scan:1",
        "kind": "scan",
        "state": "running",
        "model": "net@1",
        "requested_by": "amina",
        **dict.fromkeys(
            ("seen", "new", "changed", "gone", "gone_refused", "left_out", "needs_review", "quarantined"), 0
        ),
        **{"cancelled": 0, "tagged": 1, "skipped": 1, "open": 1},
    }
    assert len(read("--limit", "1")) == 1


def test_a_run_is_shown_with_reasons_pace_and_notes(catalogue: Catalogue) -> None:
    assert tagger("note", "scan:1", "the studio changed its backdrop").exit_code == 0

    shown = read("show", "1")

    assert shown["reasons"] == {"skipped": {"corrupt": 1}}
    assert shown["images_per_second"] >= 0
    assert shown["seconds_left"] is not None
    [note] = shown["notes"]
    assert (note["by"], note["action"], note["text"]) == ("amina", "note", "the studio changed its backdrop")
    table = tagger("show", "1").stdout
    assert "amina, note: the studio changed its backdrop" in table
    assert "skipped: corrupt\t1" in table


def test_a_run_is_cancelled_and_resumed(catalogue: Catalogue) -> None:
    cancelled = tagger("cancel", "1")
    state = read("show", "1")["state"]

    resumed = tagger("resume", "1")

    assert (cancelled.stdout, state) == ("Run 1 is cancelled.\n", "cancelled")
    assert (resumed.stdout, read("show", "1")["open"]) == ("Run 1 goes on.\n", 1)


@pytest.mark.parametrize("verb", ["pause", "cancel", "resume"])
def test_many_images_are_touched_only_for_a_reason(
    catalogue: Catalogue, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ASKED_FROM", 0)
    if verb == "resume":
        assert tagger("pause", "1", "--why", "slow").exit_code == 0

    asked = tagger(verb, "1", "--why", " ")
    done = tagger(verb, "1", "--why", "the store is slow")

    assert asked.exit_code == 2
    assert "this touches 1 images; say why" in " ".join(asked.stderr.replace("│", " ").split())
    assert done.exit_code == 0
    assert read("show", "1")["notes"][-1]["text"] == "the store is slow"


@pytest.mark.parametrize("arguments", [("show", "77"), ("pause", "scan:9"), ("cancel", "0"), ("note", "9", "x")])
def test_a_run_that_is_none_is_wrong_usage(catalogue: Catalogue, arguments: tuple[str, ...]) -> None:
    done = tagger(*arguments)

    assert done.exit_code == 2
    assert "there is no run" in done.stderr


def test_what_the_state_does_not_allow_is_told_with_exit_code_1(catalogue: Catalogue) -> None:
    catalogue.sql("UPDATE run SET state = 'finished'")

    done = tagger("pause", "1")

    assert (done.exit_code, done.stderr) == (1, "tagger: run 1 is finished: it cannot be paused any more\n")


def test_an_undo_prints_what_other_programs_read(catalogue: Catalogue) -> None:
    running = tagger("undo", "1")
    catalogue.sql("UPDATE run SET state = 'finished'")

    done = read("undo", "1")
    of_model = read("undo", "--model", "net@1")

    assert (running.exit_code, done.pop("run")) == (1, 2)
    assert "run 1 is running: wait for its end" in running.stderr
    assert done == {"restored": 1, "withdrawn": 1, "left_human": 0, "left_changed": 0}
    assert of_model["restored"] == 0


@pytest.mark.parametrize("arguments", [(), ("1", "--model", "net@1"), ("--model", "net@7"), ("7",)])
def test_an_undo_of_nothing_is_wrong_usage(catalogue: Catalogue, arguments: tuple[str, ...]) -> None:
    assert tagger("undo", *arguments).exit_code == 2
