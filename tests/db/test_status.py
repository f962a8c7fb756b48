"""What `tagger status` shows of a catalogue: images by state, the runs that matter, who is alive."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from db import heartbeats, runs
from db.status import status
from tests.db.catalogues import Catalogue, an_image_tagged, ask, in_the_future


def status_of(catalogue: Catalogue) -> dict[str, Any]:
    answer = ask(catalogue, status)
    assert isinstance(answer, dict)
    return answer


def test_images_are_counted_by_state_and_queue(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "done")
    catalogue.items("a", "b")

    shown = status_of(catalogue)

    assert shown["items"] == {"done": 1, "pending": 2}
    assert shown["queues"] == {"ops": {"claimable": 0}, "nightly": {"claimable": 2}}


def test_runs_are_shown_until_they_end(catalogue: Catalogue) -> None:
    shown = {state: catalogue.another_run(state, state=state) for state in ("planned", "scanning", "paused")}
    for state in ("finished", "cancelled"):
        catalogue.another_run(state, state=state)

    listed = status_of(catalogue)["runs"]

    assert {run["id"] for run in listed} == {catalogue.run_id, *shown.values()}
    assert all(run["seen"] == 0 for run in listed)


def test_a_failed_run_is_shown_with_its_reason_for_a_week(catalogue: Catalogue) -> None:
    lately, before = (catalogue.another_run(f"scan:{name}", state="scanning") for name in ("lately", "before"))
    for run in (lately, before):
        ask(catalogue, runs.fail, run, "no such bucket")
    catalogue.sql("UPDATE run SET finished_at = :at WHERE id = :id", at=in_the_future(-8 * 86_400), id=before)

    failed = [run for run in status_of(catalogue)["runs"] if run["state"] == "failed"]

    assert [(run["id"], run["error"]) for run in failed] == [(lately, "no such bucket")]


def test_workers_and_the_scheduler_are_shown_while_they_live(catalogue: Catalogue) -> None:
    with catalogue.sessions.begin() as session:
        heartbeats.beat(session, "host:1", slots=4, started_at=datetime.now(UTC))
        heartbeats.lead(session, heartbeats.SCHEDULER, "host:2")

    shown = status_of(catalogue)

    assert [(worker["name"], worker["slots"]) for worker in shown["workers"]] == [("host:1", 4)]
    assert (shown["scheduler"], shown["held_until"]) == ("host:2", None)


def test_what_nobody_will_ever_tag_is_named(catalogue: Catalogue) -> None:
    ended = catalogue.another_run("scan:ended")
    catalogue.items("a", "b", run_id=ended)
    catalogue.sql("UPDATE run SET state = 'cancelled' WHERE id = :id", id=ended)
    catalogue.items("round and round")
    catalogue.sql("UPDATE work_item SET fence = 51 WHERE run_id = :id", id=catalogue.run_id)
    with catalogue.sessions.begin() as session:
        heartbeats.beat(session, "host:1", slots=4, started_at=datetime.now(UTC), queues=["ops"])

    stuck = {row["why"]: row["items"] for row in status_of(catalogue)["stuck"]}

    assert stuck == {
        "they are claimed again and again, and nothing comes of it": 1,
        f"their run {ended} is cancelled": 2,
        "no living worker serves their queue nightly": 1,
    }


def test_a_paused_run_and_a_catalogue_without_workers_are_not_stuck(catalogue: Catalogue) -> None:
    paused = catalogue.another_run("scan:paused", state="paused")
    catalogue.items("a", run_id=paused)
    catalogue.items("b")

    assert status_of(catalogue)["stuck"] == []
