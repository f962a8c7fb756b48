"""PROCESS `tagger worker`: a Celery prefork worker. The parent has no model; each child builds its own Tagger."""

import mmap
import os
import socket
import threading
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import structlog
from celery import Celery, signals
from sqlalchemy.exc import SQLAlchemyError

from db import heartbeats
from db.queue.claims import QUEUES
from db.session import connect, sessions_of
from model import ModelError
from worker import WorkerError, bundle_lookup
from worker.bootstrap import Classifiers, build_tagger, open_sessions, source_store
from worker.broker.idle import Child
from worker.celery import create_app
from worker.operations import nights
from worker.settings import Settings, cores
from worker.storage.store import StorageError
from worker.tagging import Outcome, Tagger

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
    queues: tuple[str, ...] = QUEUES
    tagger: Tagger | None = None
    child: Child | None = None
    # A byte of shared memory and no lock: a child killed while it looked would leave a lock held for ever.
    stop_flag = mmap.mmap(-1, 1)


def tagger() -> Tagger:
    """Return the Tagger of this child, made when the child starts."""
    if _Process.tagger is None:
        _Process.tagger = _make_tagger()
    return _Process.tagger


def work(queue: str) -> Outcome:
    """Work off a queue in this child."""
    assert _Process.child is not None
    return _Process.child.work(queue)


def begin_tonight() -> None:
    """Begin today's night, which another scheduler than ours asks for. The leading scheduler scans it."""
    try:
        nights.begin_tonight(_Process.settings, tagger().sessions)
    except (ModelError, WorkerError, SQLAlchemyError) as error:
        log.error("night_not_opened", reason=str(error))


def _make_tagger() -> Tagger:
    settings = _Process.settings
    sessions = open_sessions(settings)
    classifiers = Classifiers(settings, sessions)
    tagger = build_tagger(
        settings,
        sessions,
        classifiers,
        children=settings.workers or cores(),
        stopping=lambda: _Process.stop_flag[0] != 0,
    )
    _warm_up(settings, tagger, classifiers)
    return tagger


def _warm_up(settings: Settings, tagger: Tagger, classifiers: Classifiers) -> None:
    """Start the decoders, load the bundle, connect to the source that the settings name, before an image needs them.

    The work may need others. So an error is only logged here; it comes up again when such work is claimed.
    """
    try:
        if tagger.decoders:
            tagger.decoders.start()
        classifiers.load(bundle_lookup.resolve(settings.model, settings.bundle_folders, tagger.sessions))
        if settings.source is not None:
            tagger.store_of(source_store(settings, settings.source).bucket).check()
    except (ModelError, StorageError, SQLAlchemyError, RuntimeError) as error:
        log.warning("not_warmed_up", error=str(error))


def serve(settings: Settings, *, queues: str = "ops,nightly") -> int:
    """Work until SIGTERM or Ctrl-C; returns the exit code. A running chunk is finished or given back first."""
    for name, value in CHILD_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.pop("REMAP_SIGTERM", None)
    _Process.settings = settings
    _Process.queues = tuple(queues.split(","))
    import_module("worker.storage.s3")  # boto3's code once in the parent, and not again in each child
    app = create_app(settings, working=True)
    slots = settings.workers or cores()
    beating = _Heartbeat(settings, slots)
    signals.worker_ready.connect(beating.start, weak=False)
    signals.worker_shutting_down.connect(_tell_children, weak=False)
    signals.worker_process_init.connect(_start_child, weak=False)
    signals.worker_process_shutdown.connect(_stop_child, weak=False)
    worker = _worker(app, slots)
    worker.start()
    beating.stop()
    return int(worker.exitcode or 0)


def _worker(app: Celery, slots: int) -> Any:
    return app.Worker(
        hostname=f"tagger@{socket.gethostname()}-{os.getpid()}",
        queues=list(_Process.queues),
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


def _start_child(**_: Any) -> None:
    """Set up a new child, with nothing that the parent may have made."""
    _Process.tagger = None
    tagger()
    _Process.child = Child(tagger, _Process.queues)
    _Process.child.start()


def _stop_child(**_: Any) -> None:
    if _Process.child is not None:
        _Process.child.stop()
    if _Process.tagger is not None:
        _Process.tagger.close_decoders()


class _Heartbeat:
    """A thread of the parent that records that this worker lives; the scheduler rings accordingly."""

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
                    began, queues = self._started_at, _Process.queues
                    heartbeats.beat(session, self._name, slots=self._slots, started_at=began, queues=queues)
            except SQLAlchemyError as error:
                log.warning("heartbeat_failed", error=str(error))
            if self._stopped.wait(HEARTBEAT_S):
                return
