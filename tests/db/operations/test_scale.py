"""Many images: no statement touches more than 1,000 rows, whatever is done, and nothing is lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from db import runs
from db.operations import control
from db.schema import Run
from db.session import engine_of, reading
from tests.db.catalogues import Catalogue, ask
from tests.db.operations.filling import fill, watched, work_off
from tests.db.operations.planning import AMINA, make, open_plan
from worker.operations import undo
from worker.operations.control import cancel, resume

IMAGES = 5_000
T = TypeVar("T")


def in_small_steps(catalogue: Catalogue, name: str, work: Callable[[], T]) -> T:
    """Do this work; whatever it sends to the database is short."""
    with watched(engine_of(catalogue.sessions)) as seen:
        result = work()
    print(f"{name}: {seen.count} statements, {seen.most_rows} rows and {seen.longest_s * 1000:.0f} ms at most")
    assert seen.most_rows <= 1000, seen.longest
    assert seen.longest_s < 5, seen.longest  # 0.1 s where nothing else runs
    return result


def test_thousands_of_images_are_planned_opened_cancelled_resumed_and_undone_in_small_steps(
    postgres_catalogue: Catalogue,
) -> None:
    catalogue = postgres_catalogue
    fill(catalogue, IMAGES)
    people = threading.Thread(target=decide, args=(catalogue, range(50, IMAGES, 100)))

    plan = in_small_steps(catalogue, "plan", lambda: make(catalogue))
    people.start()
    run = in_small_steps(catalogue, "open", lambda: open_plan(catalogue, plan))
    people.join()
    in_small_steps(catalogue, "cancel", lambda: cancel(catalogue.sessions, run.id, actor=AMINA, why=""))
    in_small_steps(catalogue, "resume", lambda: resume(catalogue.sessions, run.id, actor=AMINA, why=""))
    work_off(catalogue, run.id, "Shirt")
    ask(catalogue, runs.close_finished)
    done = in_small_steps(
        catalogue, "undo", lambda: undo.undo(catalogue.sessions, ended(catalogue, run), actor="", why="")
    )

    assert plan.figures["by_category"] == {"Bag": IMAGES / 2, "Coat": IMAGES / 2}
    assert run.counts["queued"] + run.counts["left_decided"] == IMAGES
    assert done.counts["restored"] == IMAGES * 99 / 100
    by_category = catalogue.sql("SELECT category, count(*) FROM image_tag GROUP BY category")
    assert dict(by_category) == {"Bag": IMAGES / 2 - IMAGES / 100, "Coat": IMAGES / 2, "Dress": IMAGES / 100}
    assert catalogue.violations() == []


def decide(catalogue: Catalogue, object_ids: range) -> None:
    for object_id in object_ids:
        catalogue.decide(object_id, "Dress")


def ended(catalogue: Catalogue, run: Run) -> Run:
    with reading(catalogue.sessions) as session:
        return control.find(session, str(run.id))
