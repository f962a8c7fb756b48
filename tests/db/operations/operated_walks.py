"""Operators among all the others, in any order: plans, openings, pauses, cancellations, undoing; some are killed."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from db import catalogue as reads, runs, tags
from db.operations import control as steps, plans, reprocess, undo as undoing
from db.queue.leases import ClaimedItem
from db.schema import Run
from db.session import in_transaction, reading
from tests.db.operations.planning import AMINA, make, open_plan
from tests.db.test_state_machine import Tagging
from worker.operations import control, undo

BY_AMINA = {"actor": AMINA, "why": ""}


class Operating(Tagging):
    """What each run says of an image is the run's own, so that every re-run changes tags."""

    def __init__(self) -> None:
        super().__init__()
        self.plans: list[str] = []

    def result(self, item: ClaimedItem) -> tags.Tagged:
        return tags.Tagged(item, f"{item.version_token} of {item.run_id}", 9000, [9000, 1000], None, False, None)

    @rule(which=st.sampled_from(["everything", "missing", "failed", "low_confidence"]), newest=st.booleans())
    def plan(self, which: str, newest: bool) -> None:
        self.plans.append(make(self.catalogue, newest_first=newest, **{which: True}).code)

    @precondition(lambda self: self.plans)
    @rule(data=st.data(), killed=st.booleans())
    def open_a_plan(self, data: st.DataObject, killed: bool) -> None:
        code = data.draw(st.sampled_from(self.plans))
        plan = in_transaction(self.catalogue.sessions, partial(plans.find, code=code))
        if killed:
            run, _ = in_transaction(self.catalogue.sessions, partial(reprocess.open_run, plan=plan, **BY_AMINA))
        else:
            run = open_plan(self.catalogue, plan)
        assert run.logical_key == f"reprocess:{code}"
        self.sql("UPDATE work_item SET queue = 'nightly' WHERE queue = 'ops'")  # where these walks look for work

    @rule(verb=st.sampled_from(["pause", "resume", "cancel"]), data=st.data())
    def operate_on(self, verb: str, data: st.DataObject) -> None:
        with suppress(steps.RunRefused):
            getattr(control, verb)(self.catalogue.sessions, self.a_run(data).id, **BY_AMINA)

    @rule(data=st.data())
    def cancel_halfway(self, data: st.DataObject) -> None:
        run = self.a_run(data).id
        with suppress(steps.RunRefused):
            in_transaction(self.catalogue.sessions, partial(steps.begin_cancel, run_id=run))

    @rule(data=st.data(), killed=st.booleans())
    def undo_a_run(self, data: st.DataObject, killed: bool) -> None:
        run = self.a_run(data)
        with suppress(steps.RunRefused):
            undoing.check(run)
            if killed:
                in_transaction(self.catalogue.sessions, partial(undoing.open_run, undone=run, **BY_AMINA))
            else:
                self.undo_and_redo(run)

    def undo_and_redo(self, run: Run) -> None:
        """Undo, undo that, and undo that: the tags are as they were, then as they are after the first."""
        exports = [self.export()]
        for _ in range(3):
            run = undo.undo(self.catalogue.sessions, run, **BY_AMINA)
            exports.append(self.export())
        if run.state == "finished":
            assert exports[2] == exports[0]
            assert exports[3] == exports[1]

    def a_run(self, data: st.DataObject) -> Run:
        ids = [row[0] for row in self.sql("SELECT id FROM run ORDER BY id")]
        return in_transaction(self.catalogue.sessions, partial(steps.find, name=str(data.draw(st.sampled_from(ids)))))

    def export(self) -> list[dict[str, Any]]:
        with reading(self.catalogue.sessions) as session:
            return reads.export_page(session)

    @invariant()
    def nobody_waits_for_a_run_that_has_ended(self) -> None:
        ended = "SELECT id FROM run WHERE state IN ('finished', 'cancelled')"
        assert self.sql(f"SELECT id FROM work_item WHERE state IN ('pending', 'leased') AND run_id IN ({ended})") == []

    def all_is_settled(self) -> None:
        """Nothing is open, and what is tagged was said by a run or a person, of some version."""
        assert self.sql("SELECT id FROM work_item WHERE state IN ('pending', 'leased')") == []
        with self.catalogue.sessions.begin() as session:
            runs.close_finished(session)
