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


def test_a_host_is_alive_by_its_own_processes_alone(sessions: Sessions) -> None:
    at = datetime.now(UTC)
    with sessions.begin() as session:
        heartbeats.beat(session, "shop:7", slots=2, started_at=at)
        heartbeats.beat(session, "shop:8", slots=0, started_at=at, role=heartbeats.SCHEDULER)
        heartbeats.beat(session, "shop2:9", slots=2, started_at=at)
        session.execute(update(WorkerHeartbeat).filter_by(name="shop:7").values(seen_at=at - timedelta(seconds=60)))

    def alive(host: str, role: str | None = None) -> str | None:
        with sessions() as session:
            living = heartbeats.alive_on(session, host, role)
            return living.name if living else None

    assert alive("shop") == alive("shop", heartbeats.SCHEDULER) == "shop:8"
    assert alive("shop", heartbeats.WORKER) is None
    assert alive("sho") is None
    assert alive("shop2", heartbeats.WORKER) == "shop2:9"


def test_a_scheduler_answers_no_doorbells(sessions: Sessions) -> None:
    with sessions.begin() as session:
        heartbeats.beat(session, "shop:8", slots=0, started_at=datetime.now(UTC), role=heartbeats.SCHEDULER)

        assert (heartbeats.alive(session), heartbeats.slots(session)) == ([], 0)
