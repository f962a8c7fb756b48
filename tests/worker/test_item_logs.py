"""The log of a worker: what fails is named by run, item and worker."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from db.queue import leases
from db.schema import SourceObject, WorkItem
from db.session import Sessions, reading
from tests.db.catalogues import LONG_AGO
from tests.worker.fakes import FakeClassifier, FakeStore, scanned_run, tagger
from worker.tagging import work
from worker.telemetry import owner_of


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_log_names_run_item_and_worker_of_each_image_that_fails(sessions: Sessions) -> None:
    store = FakeStore({"broken.jpg": b"bad:corrupt", "fine.jpg": b"photo", "odd.jpg": RuntimeError("a defect")})
    run_id = scanned_run(sessions, store)
    it = tagger(sessions, store, FakeClassifier())

    with capture_logs() as logs:
        for _ in range(leases.MAX_FAILURES):
            work(it, "nightly")
            with sessions.begin() as session:
                session.execute(update(WorkItem).values(eligible_at=LONG_AGO))

    with reading(sessions) as session:
        items = dict(session.execute(select(SourceObject.key, WorkItem.id).join(WorkItem)).all())
    told = [line for line in logs if line["event"] in ("item_failed", "image_failed")]
    assert {(line["run"], line["worker"]) for line in told} == {(run_id, owner_of(os.getpid()))}
    assert all(line["item"] == items[line["key"]] for line in told)
    ends = [(line["key"], line["state"], line["reason"]) for line in told if line["event"] == "item_failed"]
    retried = [("odd.jpg", "pending", "internal")] * (leases.MAX_FAILURES - 1)
    assert sorted(ends) == [("broken.jpg", "skipped", "corrupt"), *retried, ("odd.jpg", "quarantined", "internal")]
