"""The schedule as people look at it: when nights begin, who has paused them, and what is wrong with the last one."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from db import actors, runs
from db.operations import schedule
from db.session import Sessions, now, reading
from worker.configuration.calendar import Calendar, Firing
from worker.settings import Settings
from worker.watching.deadlines import trouble_so_far

SHOWN = 5
ALERTS = {
    "absent": "has not begun",
    "late": "will not be done before its deadline",
    "missed": "was not done before its deadline",
}


def collect(settings: Settings, sessions: Sessions | None) -> dict[str, Any]:
    """Collect when nights begin, the next of them, who has paused them and what is wrong, as JSON takes it."""
    calendar = settings.calendar
    firings = islice(calendar.upcoming(datetime.now(UTC)), SHOWN) if calendar else ()
    return {
        "cron": calendar.cron if calendar else None,
        "in_words": calendar.in_words() if calendar else None,
        "timezone": settings.timezone,
        "source": settings.source,
        "next": [_row(calendar, firing) for firing in firings if calendar],
        **(_recorded(settings, sessions) if sessions else {"paused": None, "last_night": None, "alert": None}),
    }


def _row(calendar: Calendar, firing: Firing) -> dict[str, Any]:
    return {
        "night": f"nightly:{firing.date}",
        "at": firing.at.astimezone(calendar.zone).isoformat(),
        "utc": firing.at.isoformat(),
        "clocks": _clocks(calendar.change_on(firing.date)),
    }


def _clocks(change: timedelta) -> str | None:
    if not change:
        return None
    hours = abs(change) / timedelta(hours=1)
    return f"{'forward' if change > timedelta() else 'back'} {hours:g} h"


def _recorded(settings: Settings, sessions: Sessions) -> dict[str, Any]:
    with reading(sessions) as session:
        pause, last = schedule.standing_pause(session), runs.last_of(session, schedule.NIGHTLY)
        alert = trouble_so_far(session, settings, now(session))
    return {
        "paused": pause
        and {
            "by": actors.name_of(pause.actor),
            "why": pause.why,
            "since": pause.since.isoformat(),
            "until": pause.until and pause.until.isoformat(),
        },
        "last_night": last and {"run": last.id, "night": last.logical_key, "state": last.state},
        "alert": alert and {"night": alert.night, "kind": alert.notice, **alert.detail},
    }
