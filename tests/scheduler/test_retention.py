"""The leading scheduler removes old rows once a day, a second's worth of steps a tick, and goes on after an error."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from db.operations import retention as steps
from db.operations.retention import Removed
from db.session import Sessions
from scheduler import retention
from scheduler.retention import Retention
from worker.settings import Settings


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[datetime, int]]:
    """Replace the steps by three that remove nothing, and note what they were called with."""
    calls: list[tuple[datetime, int]] = []

    def step(_: Any, before: datetime, after: int) -> Removed:
        calls.append((before, after))
        return Removed(1, after + 1 if after < 2 else None)

    monkeypatch.setattr(steps, "STEPS", {"items": step})
    return calls


def test_a_pass_goes_on_where_the_last_tick_left_it_and_comes_once_a_day(
    sessions: Sessions, taken: list[tuple[datetime, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "A_TICK_S", -1.0)
    passes = Retention(Settings(keep_days=100), sessions)

    for _ in range(6):
        passes.remove_some()

    assert [after for _, after in taken] == [0, 1, 2]
    age = datetime.now(taken[0][0].tzinfo) - taken[0][0]
    assert 100 <= age.total_seconds() / 86_400 < 101


def test_after_an_error_a_pass_begins_anew_later(
    sessions: Sessions, taken: list[tuple[datetime, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Removed:
        raise OperationalError("DELETE", {}, Exception("away"))

    working = steps.STEPS
    passes = Retention(Settings(), sessions)
    monkeypatch.setattr(steps, "STEPS", {"items": fail})
    monkeypatch.setattr("db.session.time.sleep", lambda _: None)
    with pytest.raises(OperationalError):
        passes.remove_some()
    monkeypatch.setattr(steps, "STEPS", working)

    passes.remove_some()
    assert taken == []
    monkeypatch.setattr(passes, "_due_at_s", 0.0)
    passes.remove_some()
    assert [after for _, after in taken] == [0, 1, 2]
