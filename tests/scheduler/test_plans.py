"""An opening whose command was killed is gone on with by the scheduler, in short steps."""

from __future__ import annotations

from functools import partial

import pytest

from db.operations import reprocess
from db.session import Sessions, in_transaction
from scheduler import plans
from scheduler.plans import Plans
from tests.db.catalogues import LONG_AGO, Catalogue, a_catalogue
from tests.db.operations.planning import AMINA, make


def opened(catalogue: Catalogue, images: int) -> int:
    """Open the plan of so many images and queue none of them."""
    catalogue.images(*(f"{number}.jpg" for number in range(images)))
    begin = partial(reprocess.open_run, plan=make(catalogue), actor=AMINA, why="")
    run, _ = in_transaction(catalogue.sessions, begin)
    return run.id


def test_an_opening_that_nobody_moves_is_ended_in_short_steps(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reprocess, "STEP", 1)
    monkeypatch.setattr(plans, "STEPS", 2)
    catalogue = a_catalogue(sessions)
    run = opened(catalogue, 3)
    scheduler = Plans(sessions)

    queued = []
    for _ in range(3):
        scheduler.queue_some()
        queued.append(catalogue.value("SELECT count(*) FROM work_item"))
        catalogue.sql("UPDATE run SET updated_at = :then WHERE id = :id AND state = 'scanning'", then=LONG_AGO, id=run)

    assert queued == [0, 2, 3]
    assert catalogue.value("SELECT state FROM run WHERE id = :id", id=run) == "running"


def test_an_opening_that_somebody_is_at_is_left_to_them(sessions: Sessions) -> None:
    catalogue = a_catalogue(sessions)
    opened(catalogue, 3)

    Plans(sessions).queue_some()

    assert catalogue.value("SELECT count(*) FROM work_item") == 0
