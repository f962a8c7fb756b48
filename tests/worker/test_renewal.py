"""A worker renews its leases while a chunk takes long, so that nobody takes over what it is still at."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from db.session import Sessions
from tests.worker.fakes import FakeClassifier, FakeStore, scanned_run, tagger
from worker import tagging
from worker.tagging import Outcome, work


def test_leases_that_are_about_to_end_are_renewed_between_micro_batches(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned_run(sessions, store := FakeStore({f"{number:03}.jpg": b"photo" for number in range(200)}))
    monkeypatch.setattr(tagging, "RENEW_S", 0.0)
    ended: list[int] = []

    def end_leases() -> None:
        """Note how many leases were ended the last time and are so still."""
        with sessions.begin() as session:
            over = "SELECT count(*) FROM work_item WHERE state = 'leased' AND eligible_at < '2001-01-01'"
            ended.append(session.execute(text(over)).scalar_one())
            session.execute(
                text("UPDATE work_item SET eligible_at = '2000-01-01 00:00:00.000000' WHERE state = 'leased'")
            )

    outcome = work(tagger(sessions, store, FakeClassifier(before=end_leases), micro_batch=5), "nightly")

    assert outcome == Outcome(tagged=200)
    assert ended.count(0) > 3
