"""PROCESS `tagger scheduler`: of any number one leads, which starts scans, closes runs and rings for workers.

Every step is a short transaction of its own and idempotent, so two leaders at once would only be wasteful.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from celery import Celery
from sqlalchemy.exc import SQLAlchemyError

from db import heartbeats, runs
from db.session import Sessions
from scheduler import doorbells
from scheduler.hints.service import Hints
from scheduler.monitoring.health import Health
from scheduler.monitoring.metrics import start_server
from scheduler.monitoring.watchdog import Watchdog
from scheduler.nights.gate import NightGate
from scheduler.nights.nightly import Nights
from scheduler.plans import Plans
from scheduler.retention import Retention
from scheduler.scanning import Scans
from worker.bootstrap import open_sessions
from worker.celery import create_app
from worker.operations.notify import Notifier
from worker.settings import Settings

log = structlog.get_logger()

TICK_S = 5.0
STOP_S = 5.0


def serve(settings: Settings) -> int:
    """Tick every few seconds until SIGTERM or Ctrl-C; the exit code."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    scheduler = Scheduler(settings, open_sessions(settings), create_app(settings))
    metrics = start_server(settings, open_sessions(settings), scheduler.health, scheduler.hints.counters)
    log.info("scheduler_started", holder=scheduler.holder)
    if settings.source is None and settings.calendar is not None:
        log.warning("no_nights", reason="TAGGER_SOURCE is not set, so no night begins")
    while not stopped.is_set():
        scheduler.tick()
        stopped.wait(TICK_S)
    scheduler.stop()
    if metrics is not None:
        metrics.shutdown()
    log.info("scheduler_stopped")
    return 0


class Scheduler:
    """One scheduler. What it does are short steps; what takes long has threads of its own."""

    def __init__(self, settings: Settings, sessions: Sessions, app: Celery) -> None:
        self.settings = settings
        self.sessions = sessions
        self.app = app
        self.holder = f"{socket.gethostname()}:{os.getpid()}"
        self.scans = Scans(settings, sessions)
        self._started_at = datetime.now(UTC)
        self.hints = Hints(settings, sessions, app)
        self.nights = Nights(settings, sessions)
        self.health = Health()
        self.notifier = Notifier(settings, sessions)
        self.watchdog = Watchdog(settings, sessions, stall=self.health.stall, notifier=self.notifier)
        self._steps: tuple[Callable[[], object], ...] = (
            self._close_finished,
            NightGate(settings, sessions).judge,
            self.nights.open_due,
            self.scans.start_waiting,
            self.hints.consume,
            Plans(sessions).queue_some,
            self._ring,
            self.watchdog.look,
            Retention(settings, sessions).remove_some,
        )

    def tick(self) -> bool:
        """Take each step, if this scheduler leads; whether it did. A database that is down is met again next time."""
        reaches_catalogue = leads = False
        try:
            with self.sessions.begin() as session:
                heartbeats.beat(session, self.holder, slots=0, started_at=self._started_at, role=heartbeats.SCHEDULER)
                leads = heartbeats.lead(session, heartbeats.SCHEDULER, self.holder)
            if leads:
                for step in self._steps:
                    self._take(step)
            else:
                self.hints.stop()
                self.scans.stop()
            reaches_catalogue = True
        except SQLAlchemyError as error:
            log.warning("tick_failed", error=str(error))
        self.health.tick(reaches_catalogue=reaches_catalogue, leads=leads and reaches_catalogue)
        return leads and reaches_catalogue

    @staticmethod
    def _take(step: Callable[[], object]) -> None:
        """Take a step. What is wrong in one keeps no other from being taken; only the catalogue is needed by all."""
        try:
            step()
        except SQLAlchemyError:
            raise
        except Exception:
            log.exception("step_failed", step=getattr(step, "__name__", repr(step)))

    def stop(self) -> None:
        """End the scans, but wait only a while for a store that hangs, and let another scheduler lead."""
        self.scans.stop()
        self.hints.close(STOP_S)
        self.scans.wait(STOP_S)
        self.notifier.close(STOP_S)
        try:
            with self.sessions.begin() as session:
                heartbeats.resign(session, heartbeats.SCHEDULER, self.holder)
                heartbeats.forget(session, self.holder)
        except SQLAlchemyError as error:
            log.warning("resign_failed", error=str(error))

    def _close_finished(self) -> None:
        with self.sessions.begin() as session:
            closed = runs.close_finished(session)
        if closed:
            log.info("runs_finished", runs=closed)

    def _ring(self) -> None:
        doorbells.ring_all(self.app, self.sessions, chunk=self.settings.chunk)
