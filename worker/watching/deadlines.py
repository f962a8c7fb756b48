"""What is wrong with the last night: it has not begun, it will not be done in time, or it was not."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from db import runs
from db.operations import schedule
from db.operations.schedule import NIGHTLY, night_key
from db.schema import Run
from db.session import now
from worker.settings import Settings

ABSENT_AFTER = timedelta(minutes=10)
"""How long a night may take to begin; a scheduler looks every few seconds."""
_LOOK_BACK = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class LastNight:
    """The night that was due last: since when, its run if it has begun, and when it is to be done."""

    key: str
    due_at: datetime
    run: Run | None
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something to tell about a night, by its kind of notice, once."""

    night: str
    notice: str
    detail: dict[str, Any]


def missed_since(session: Session, settings: Settings, began: datetime, longest_ago: datetime) -> datetime:
    """Return from when on a night that has not begun was missed, for a scheduler that began then.

    Where there never was a night none was missed, unless somebody has written the schedule down.
    """
    if "schedule" in settings.model_fields_set or runs.last_of(session, NIGHTLY) is not None:
        return longest_ago
    return max(longest_ago, began - timedelta(minutes=1))


def last_night(session: Session, settings: Settings, began: datetime) -> LastNight | None:
    """Return the last night of a scheduler that began then; where the schedule is off, the last that was asked for."""
    calendar = settings.calendar
    if calendar is None or settings.source is None:
        run = runs.last_of(session, NIGHTLY)
        return _begun(session, settings, run.logical_key, run.created_at, run) if run else None
    current = now(session)
    due = calendar.due(current, since=missed_since(session, settings, began, current - _LOOK_BACK))
    if due is None:
        return None
    key = night_key(due.date)
    return _begun(session, settings, key, due.at, runs.find(session, key))


def _begun(session: Session, settings: Settings, key: str, due_at: datetime, run: Run | None) -> LastNight:
    works_in = session.get_one(Run, run.counts.get("joined_to", run.id)) if run else None
    return LastNight(key, due_at, works_in, settings.deadline_of(due_at))


def trouble(session: Session, night: LastNight, seconds_left: float | None) -> Trouble | None:
    """Return the worst that is to be told of a night, if anything is."""
    current, run, deadline = now(session), night.run, night.deadline
    if run is None:
        paused = schedule.standing_pause(session) or schedule.was_paused(session, night.due_at)
        if paused or current < night.due_at + ABSENT_AFTER:
            return None
        return Trouble(night.key, "absent", {"due": night.due_at.isoformat()})
    if deadline is None or run.state == "cancelled":
        return None
    detail = {"run": run.id, "state": run.state, "deadline": deadline.isoformat()}
    if (run.finished_at if run.state == "finished" and run.finished_at else current) > deadline:
        return Trouble(night.key, "missed", detail)
    if run.state == "failed":
        return Trouble(night.key, "late", detail | {"eta": None})
    if run.state == "finished" or seconds_left is None:
        return None
    eta = current + timedelta(seconds=seconds_left) if seconds_left < _LOOK_BACK.total_seconds() else None
    if eta is None or eta > deadline:
        return Trouble(night.key, "late", detail | {"eta": eta and eta.isoformat()})
    return None


def trouble_so_far(session: Session, settings: Settings, began: datetime) -> Trouble | None:
    """Return what is wrong with the last night, for who has not watched it: that it is late a scheduler has noted."""
    night = last_night(session, settings, began)
    if night is None:
        return None
    late = schedule.told(session, night.key).get("late")
    found = trouble(session, night, None)
    if found is None and late is not None and night.run is not None and night.run.finished_at is None:
        return Trouble(night.key, "late", late)
    return found
