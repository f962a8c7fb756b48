"""What a step of a plan, of its opening and of an undo costs: few statements, as many for one image as for many."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy.orm import Session

from db import runs
from db.operations import plans, reprocess, undo
from db.operations.selection import Part, Selection
from db.session import in_transaction
from tests.db.catalogues import Catalogue
from tests.db.costs import counted
from tests.db.operations.planning import AMINA, make, reread

OF_PLAN = 1
OF_OPENING = 7
"""The run and its plan, the page's end, the lock and the count of its images, their items, and the run again."""
OF_UNDO = 10
"""The run and the one it undoes, the page, the locks, the events, the tags, those withdrawn and those left, and the run
again.
"""


def statements(catalogue: Catalogue, step: Callable[[Session], object]) -> int:
    """Do one step in a transaction; returns how many statements it sent."""
    with counted(catalogue, row_by_row=False) as sent:
        in_transaction(catalogue.sessions, step)
    return len(sent)


@pytest.mark.parametrize("images", [4, 400])
def test_planning_opening_and_undoing_take_as_many_statements_for_few_images_as_for_many(
    catalogue: Catalogue, images: int
) -> None:
    catalogue.items(*map(str, range(images)))
    assert catalogue.record(catalogue.claim(images)) == images
    catalogue.images("untagged")  # whose first tag an undo withdraws

    plan, everything = make(catalogue), Selection(everything=True)
    catalogue.sql("DELETE FROM plan_item")
    freezing = partial(plans.freeze_some, plan=plan, selection=everything, part=Part())
    assert statements(catalogue, freezing) == OF_PLAN

    opening = partial(reprocess.open_run, plan=plan, actor=AMINA, why="")
    run, _ = in_transaction(catalogue.sessions, opening)
    assert statements(catalogue, partial(reprocess.queue_some, run_id=run.id)) <= OF_OPENING

    in_transaction(catalogue.sessions, partial(reprocess.queue_some, run_id=run.id))
    items = catalogue.claim(images + 1, queue_name="ops")
    assert catalogue.record(items, "Coat") == images + 1
    catalogue.decide(items[0].object_id, "Dress")
    in_transaction(catalogue.sessions, runs.close_finished)
    undoing = in_transaction(catalogue.sessions, partial(undo.open_run, undone=run, actor=AMINA, why=""))
    assert statements(catalogue, partial(undo.undo_some, run_id=undoing.id)) <= OF_UNDO

    in_transaction(catalogue.sessions, partial(undo.undo_some, run_id=undoing.id))
    done = reread(catalogue, undoing)
    assert [done.counts[name] for name in undo.COUNTS] == [images, 1, 1, 0]
    assert catalogue.violations() == []
