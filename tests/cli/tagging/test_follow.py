"""How often a run is counted while it is followed."""

from __future__ import annotations

import time

import pytest

from cli.tagging import follow
from db import runs
from db.session import Sessions
from tests.db.catalogues import a_catalogue
from worker.settings import Settings


@pytest.mark.parametrize(
    ("done", "left", "elapsed_s", "counting_s", "pause_s"),
    [
        (0, 1000, 0.0, 0.001, 0.1),  # at the start soon
        (1000, 9000, 10.0, 0.001, 1.0),  # later every second
        (1000, 100, 10.0, 0.001, 0.25),  # a quarter of the time left towards the end
        (100_000, 900_000, 100.0, 0.8, 4.0),  # less often where counting takes long
        (999_990, 10, 1000.0, 0.8, 0.8),  # but the end of a large run is not missed
        (999_999, 1, 1000.0, 0.001, 0.1),
    ],
)
def test_counting_costs_the_work_little_and_the_end_is_met_soon(
    done: int, left: int, elapsed_s: float, counting_s: float, pause_s: float
) -> None:
    assert follow._pause_s(done, left, elapsed_s, counting_s) == pytest.approx(pause_s)


def test_a_count_takes_no_longer_than_its_query(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(*_: object) -> dict[str, int]:
        time.sleep(0.2)
        return {"open": 0}

    monkeypatch.setattr(runs, "work_counts", slowly)
    begun = time.monotonic()

    counts = follow.follow(None, sessions, 1, None)  # type: ignore[arg-type]  # with nothing open it needs neither

    assert counts == {"open": 0}
    assert time.monotonic() - begun < 0.6


def test_who_follows_a_paused_run_is_told_how_it_goes_on(sessions: Sessions) -> None:
    run = a_catalogue(sessions).another_run("scan:2", state="paused")

    with sessions() as session:
        hint = follow._hint(session, run, Settings(), None)

    assert hint == f"paused: tagger runs resume {run}"
