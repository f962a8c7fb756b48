"""PROCESS `tagger scheduler`: of any number one leads; it scans what was planned or abandoned, rings, closes runs.

Every step is its own short transaction and idempotent, so two leaders at once would only be wasteful.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from types import FrameType

import structlog
from celery import Celery
from sqlalchemy.exc import SQLAlchemyError

from db import heartbeats, runs
from db.schema import Run
from db.session import Sessions
from scheduler import discovery, doorbells
from worker.bootstrap import open_sessions, source_store
from worker.celery import create_app
from worker.settings import Settings
from worker.storage.store import StorageError

log = structlog.get_logger()

TICK_S = 5.0
STALE_SCAN_S = 60.0


def serve(settings: Settings) -> int:
    """Tick every few seconds until SIGTERM or Ctrl-C; the exit code."""
    stopped = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopped.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
    scheduler = Scheduler(settings, open_sessions(settings), create_app(settings))
    log.info("scheduler_started", holder=scheduler.holder)
    while not stopped.is_set():
        scheduler.tick()
        stopped.wait(TICK_S)
    scheduler.resign()
    log.info("scheduler_stopped")
    return 0


class Scheduler:
    """One scheduler. Nightly schedules and the operators' requests join `tick` as steps of their own."""

    def __init__(self, settings: Settings, sessions: Sessions, app: Celery) -> None:
        self.settings = settings
        self.sessions = sessions
        self.app = app
        self.holder = f"{socket.gethostname()}:{os.getpid()}"

    def tick(self) -> bool:
        """Do what is due, if this scheduler leads; whether it did. A database that is down is met again next time."""
        try:
            if not self._leads():
                return False
            self._scan_waiting()
            with self.sessions.begin() as session:
                closed = runs.close_finished(session)
            if closed:
                log.info("runs_finished", runs=closed)
            doorbells.ring_all(self.app, self.sessions, chunk=self.settings.chunk)
        except SQLAlchemyError as error:
            log.warning("tick_failed", error=str(error))
            return False
        return True

    def resign(self) -> None:
        try:
            with self.sessions.begin() as session:
                heartbeats.resign(session, heartbeats.SCHEDULER, self.holder)
        except SQLAlchemyError as error:
            log.warning("resign_failed", error=str(error))

    def _leads(self) -> bool:
        with self.sessions.begin() as session:
            return heartbeats.lead(session, heartbeats.SCHEDULER, self.holder)

    def _scan_waiting(self) -> None:
        """Runs that were planned, and scans whose process died: go on at their cursor."""
        with self.sessions.begin() as session:
            waiting = list(runs.abandoned_scans(session, stale_s=STALE_SCAN_S))
            for run in waiting:
                runs.begin_scan(session, run)
        for run in waiting:
            self._scan(run)

    def _scan(self, run: Run) -> None:
        request = discovery.scan_request(run, self.settings.product_pattern)
        try:
            store = source_store(self.settings, run.selection["source"])
            scanned = discovery.scan(self.sessions, store, run.id, request, tick=lambda _: self._keep_working())
        except (StorageError, runs.ScanTakenOver) as error:
            log.warning("scan_failed", run=run.id, error=str(error))
            return
        log.info("scanned", run=run.id, seen=scanned.seen, new=scanned.new, changed=scanned.changed, gone=scanned.gone)
        if scanned.refused:
            log.warning("mass_removal_refused", run=run.id, missing=scanned.refused, known=scanned.known)

    def _keep_working(self) -> None:
        """A long scan must lose neither the lease nor the workers' time."""
        if self._leads():
            doorbells.ring_all(self.app, self.sessions, chunk=self.settings.chunk)
