"""Who is alive, and for how long the dead are remembered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from db import heartbeats
from db.schema import WorkerHeartbeat
from db.session import Sessions


def names(sessions: Sessions) -> set[str]:
    with sessions.begin() as session:
        return set(session.execute(select(WorkerHeartbeat.name)).scalars())


@pytest.mark.parametrize(("minutes", "left"), [(59, {"killed", "living"}), (61, {"living"})])
def test_a_killed_worker_is_forgotten_after_an_hour(sessions: Sessions, minutes: int, left: set[str]) -> None:
    now = datetime.now(UTC)
    with sessions.begin() as session:
        heartbeats.beat(session, "killed", slots=2, started_at=now)
        session.execute(update(WorkerHeartbeat).values(seen_at=now - timedelta(minutes=minutes)))

    with sessions.begin() as session:
        heartbeats.beat(session, "living", slots=3, started_at=now)
        alive = [worker.name for worker in heartbeats.alive(session)]

    assert names(sessions) == left
    assert alive == ["living"]
