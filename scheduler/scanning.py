"""Scans of runs that were planned, or whose process died: each in a thread of its own.

So a store that hangs keeps neither other scans nor the scheduler's short steps waiting.
"""

import threading
import time

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db import runs
from db.schema import Run
from db.session import Sessions, in_transaction
from scheduler import discovery
from scheduler.scan_requests import scan_request
from worker.bootstrap import source_store
from worker.settings import Settings
from worker.storage.store import StoreMisconfigured, StoreUnavailable

log = structlog.get_logger()

STALE_SCAN_S = 60.0
SCANS_AT_ONCE = 4


class Scans:
    """The scans of this process. One thread calls the methods."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions
        self._threads: dict[int, threading.Thread] = {}
        self._stopped = threading.Event()

    def start_waiting(self) -> None:
        """Start scans of planned runs, and of runs whose scan nobody has moved for a minute, at their cursor."""
        self._threads = {run_id: thread for run_id, thread in self._threads.items() if thread.is_alive()}
        with self._sessions.begin() as session:
            abandoned = runs.abandoned_scans(session, stale_s=STALE_SCAN_S)
            waiting = [run for run in abandoned if run.id not in self._threads]
            waiting = waiting[: SCANS_AT_ONCE - len(self._threads)]
            for run in waiting:
                runs.begin_scan(session, run)
        for run in waiting:
            # A daemon: a thread that a store keeps waiting must not keep the process from ending.
            thread = threading.Thread(target=self._scan, args=(run, self._stopped), name=f"scan-{run.id}", daemon=True)
            self._threads[run.id] = thread
            thread.start()

    def stop(self) -> None:
        """Tell the scans to stop at their next page. Scans started from now on are not concerned."""
        self._stopped.set()
        self._stopped = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the scans to end; whether all did in time."""
        ends_at = time.monotonic() + timeout_s
        for thread in self._threads.values():
            thread.join(max(0.0, ends_at - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads.values())

    def _scan(self, run: Run, stopped: threading.Event) -> None:
        try:
            self._scan_source(run, stopped)
        except discovery.ScanStopped:
            log.info("scan_stopped", run=run.id)
        except (StoreUnavailable, runs.ScanTakenOver, SQLAlchemyError) as error:
            log.warning("scan_failed", run=run.id, error=str(error))
        except Exception:
            log.exception("scan_failed", run=run.id)

    def _scan_source(self, run: Run, stopped: threading.Event) -> None:
        request = scan_request(run, self._settings)
        try:
            store = source_store(self._settings, run.selection["source"])
            scanned = discovery.scan(self._sessions, store, run.id, request, stopping=stopped.is_set)
        except StoreMisconfigured as error:
            reason = str(error)
            in_transaction(self._sessions, lambda session: runs.fail(session, run.id, reason))
            log.error("run_failed", run=run.id, error=reason)
            return
        log.info("scanned", run=run.id, seen=scanned.seen, new=scanned.new, changed=scanned.changed, gone=scanned.gone)
        if scanned.refused:
            log.warning("mass_removal_refused", run=run.id, missing=scanned.refused, known=scanned.known)
