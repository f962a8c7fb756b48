"""Nights: the leading scheduler opens the run of each date, when it is due or shortly after an outage."""

from datetime import date, datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from db import actors, runs
from db.operations import schedule
from db.operations.schedule import night_key
from db.session import Sessions, now, reading
from model import ModelError
from worker import WorkerError
from worker.configuration.calendar import Calendar, Firing
from worker.operations.nights import Night, begin_night
from worker.settings import Settings
from worker.watching.deadlines import missed_since

log = structlog.get_logger()

SCHEDULE = "schedule"
"""Who asks for the nights that begin by themselves."""


class Nights:
    """The nights of this process. One thread calls the method."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions
        self._calendar = settings.calendar if settings.source else None
        self._began: datetime | None = None
        self._settled: date | None = None
        self._complaint: tuple[date, str] | None = None

    def open_due(self) -> Night | None:
        """Open the run of the last night that is due, unless it is there or the schedule is paused."""
        if self._calendar is None:
            return None
        with reading(self._sessions) as session:
            due = self._due(session, self._calendar)
        if due is None:
            return None
        try:
            night = begin_night(self._settings, self._sessions, due.date, requested_by=SCHEDULE)
        except (ModelError, WorkerError) as error:
            self._complain(due, "night_not_opened", str(error))
            return None
        self._settled = due.date
        return night

    def _due(self, session: Session, calendar: Calendar) -> Firing | None:
        current = now(session)
        self._began = self._began or current
        longest_ago = current - timedelta(hours=self._settings.catch_up_h)
        due = calendar.due(current, since=missed_since(session, self._settings, self._began, longest_ago))
        if due is None or due.date == self._settled:
            return None
        if runs.find(session, night_key(due.date)) is not None:
            self._settled = due.date
            return None
        pause = schedule.standing_pause(session)
        if pause is not None:
            self._complain(due, "night_paused", f"{actors.name_of(pause.actor)}: {pause.why}")
            return None
        return due

    def _complain(self, due: Firing, event: str, reason: str) -> None:
        """Log once what keeps a night from beginning, and again when the reason changes."""
        if self._complaint != (due.date, reason):
            self._complaint = (due.date, reason)
            (log.info if event == "night_paused" else log.error)(event, night=night_key(due.date), reason=reason)
