"""Alerts: about the last night, each once whatever number of schedulers notice, and about work that stands still."""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy.orm import Session

from db import heartbeats
from db.operations import schedule
from db.queue import claims
from db.reporting import watch
from db.session import Sessions, in_transaction, now, reading
from scheduler.monitoring.health import STALLED_AFTER_S, Stall
from scheduler.nights.gate import unusual
from worker.operations import good_nights
from worker.operations.notify import Message, Notifier, of_trouble
from worker.settings import Settings
from worker.watching.deadlines import Trouble, last_night, trouble
from worker.watching.pace import Pace

log = structlog.get_logger()

LOOK_S = 15.0
COUNTED_AT_MOST = 1000
EVENTS = {"absent": "night_absent", "late": "night_late", "missed": "night_missed_deadline", "gate": "night_at_gate"}


def log_alert(alert: Trouble) -> None:
    """Write an alert to the log, as an error."""
    log.error(EVENTS[alert.notice], night=alert.night, **alert.detail)


class Watchdog:
    """What looks after the nights and the work in the leading scheduler. One thread calls the method."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        alert: Callable[[Trouble], None] = log_alert,
        stall: Stall | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._alert = alert
        self._notifier = notifier or Notifier(settings, sessions)
        self._stall = stall or Stall()
        self._pace = Pace()
        self._began: datetime | None = None
        self._looked_at = float("-inf")

    def look(self) -> None:
        """Tell what is wrong, and which nights were good, if the last look was a while ago."""
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        with reading(self._sessions) as session:
            found = self._trouble(session)
            self._watch_work(session)
            at_gate = unusual(session)
        for alert in [*([found] if found else []), *at_gate]:
            if in_transaction(self._sessions, partial(self._is_news, found=alert)):
                self._alert(alert)
                self._notifier.tell([of_trouble(alert)])
        for night in good_nights.note_good(self._sessions):
            self._ping(night)
        self._notifier.tell_reports()

    def _trouble(self, session: Session) -> Trouble | None:
        self._began = self._began or now(session)
        night = last_night(session, self._settings, self._began)
        if night is None:
            return None
        left = None
        if night.run is not None and night.run.state == "running":
            far = watch.progress_of(session, night.run)
            self._pace.add(time.monotonic(), far.run_id, done=far.done, left=far.left)
            left = self._pace.seconds_left()
        return trouble(session, night, left)

    def _watch_work(self, session: Session) -> None:
        """Log when work waits and nothing is done any more, and when something is again."""
        waiting = {name: claims.claimable(session, name, at_most=COUNTED_AT_MOST) for name in claims.QUEUES}
        changed = self._stall.add(time.monotonic(), claimable=sum(waiting.values()), settled=watch.settled(session))
        if changed and self._stall.stalled:
            log.error("work_stalled", seconds=STALLED_AFTER_S, workers=len(heartbeats.alive(session)), **waiting)
            minutes = f"{STALLED_AFTER_S / 60:.0f} minutes"
            self._notifier.tell([Message("work stands still", f"Images wait, and nothing was done for {minutes}.")])
        elif changed:
            log.info("work_goes_on")

    @staticmethod
    def _is_news(session: Session, found: Trouble) -> bool:
        return schedule.tell(session, found.night, found.notice, found.detail)

    def _ping(self, night: str) -> None:
        url = self._settings.ping_url
        if url is not None:  # in a thread, as nobody knows how long a server elsewhere takes
            threading.Thread(target=good_nights.ping, args=(url, night), name="ping", daemon=True).start()
