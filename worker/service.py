"""PROCESS `tagger worker`: a Celery prefork worker. The parent has no model; each child builds its own Tagger."""

from __future__ import annotations

import mmap
import os
import socket
import threading
from datetime import UTC, datetime
from typing import Any

import structlog
from celery import Celery, signals
from sqlalchemy.exc import SQLAlchemyError

from db import heartbeats
from db.session import connect, sessions_of
from worker.celery import create_app
from worker.process import build_tagger, open_sessions
from worker.settings import Settings, cores
from worker.tagging import Tagger

log = structlog.get_logger()

HEARTBEAT_S = 10.0
# One inference thread a child, one child a core; set before numpy or a runtime is imported in a child.
CHILD_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "MALLOC_ARENA_MAX": "2",
}


class _Process:
    """What this process holds, set once by its entry point."""

    settings: Settings
    tagger: Tagger | None = None
    # A byte of shared memory and no lock: a child killed while it looked would leave a lock held for ever.
    stop_flag = mmap.mmap(-1, 1)


def tagger() -> Tagger:
    """The Tagger of this child, made at its first use."""
    if _Process.tagger is None:
        settings = _Process.settings
        _Process.tagger = build_tagger(settings, open_sessions(settings), stopping=lambda: _Process.stop_flag[0] != 0)
    return _Process.tagger


def serve(settings: Settings, *, queues: str = "ops,nightly") -> int:
    """Work until SIGTERM or Ctrl-C; the exit code. A running chunk is finished or given back first."""
    for name, value in CHILD_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.pop("REMAP_SIGTERM", None)
    _Process.settings = settings
    app = create_app(settings)
    slots = settings.workers or cores()
    beating = _Heartbeat(settings, slots)
    signals.worker_ready.connect(beating.start, weak=False)
    signals.worker_shutting_down.connect(_tell_children, weak=False)
    signals.worker_process_init.connect(_forget_parent, weak=False)
    worker = _worker(app, queues, slots)
    worker.start()
    beating.stop()
    return int(worker.exitcode or 0)


def _worker(app: Celery, queues: str, slots: int) -> Any:
    return app.Worker(
        hostname=f"tagger@{socket.gethostname()}-{os.getpid()}",
        queues=queues.split(","),
        pool_cls="prefork",
        concurrency=slots,
        loglevel="WARNING",
        optimization="fair",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )


def _tell_children(**_: Any) -> None:
    _Process.stop_flag[0] = 1


def _forget_parent(**_: Any) -> None:
    _Process.tagger = None


class _Heartbeat:
    """Writes from the parent that this worker lives, so that the scheduler knows how many doorbells to ring."""

    def __init__(self, settings: Settings, slots: int) -> None:
        self._sessions = sessions_of(connect(settings.database_url, pooled=False))
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._slots = slots
        self._started_at = datetime.now(UTC)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self, **_: Any) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        try:
            with self._sessions.begin() as session:
                heartbeats.forget(session, self._name)
        except SQLAlchemyError as error:
            log.warning("heartbeat_failed", error=str(error))

    def _beat(self) -> None:
        while True:
            try:
                with self._sessions.begin() as session:
                    heartbeats.beat(session, self._name, slots=self._slots, started_at=self._started_at)
            except SQLAlchemyError as error:
                log.warning("heartbeat_failed", error=str(error))
            if self._stopped.wait(HEARTBEAT_S):
                return
