"""PROCESS `tagger worker`: a Celery prefork worker. The parent has no model; each child builds its own Tagger."""

import mmap
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import structlog
from celery import Celery, signals
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db import heartbeats
from db.queue import leases
from db.queue.claims import QUEUES
from db.session import connect, sessions_of
from model import ModelError
from worker import WorkerError, bundle_lookup
from worker.bootstrap import Classifiers, build_tagger, open_sessions, source_store
from worker.broker.idle import Child
from worker.broker.pool import Pool, child_ended
from worker.celery import create_app
from worker.operations import nights
from worker.settings import Settings, cores
from worker.storage.store import StorageError
from worker.tagging import Outcome, Tagger
from worker.telemetry import owner_of

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
    # Bytes of shared memory and no lock: a child killed while it looked would leave a lock held for ever.
    flags = mmap.mmap(-1, 2)
    parent: int = 0


_STOPPING, _BROKEN = 0, 1


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
        stopping=lambda: _Process.flags[_STOPPING] != 0,
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
    _Process.settings, _Process.parent = settings, os.getpid()
    _Process.queues = tuple(queues.split(","))
    import_module("worker.storage.s3")  # boto3's code once in the parent, and not again in each child
    app = create_app(settings, working=True)
    slots = settings.workers or cores()
    beating = _Heartbeat(settings, slots)
    signals.worker_ready.connect(beating.start, weak=False)
    signals.worker_shutting_down.connect(_tell_children, weak=False)
    signals.worker_process_init.connect(_start_child, weak=False)
    signals.worker_process_shutdown.connect(_stop_child, weak=False)
    child_ended.connect(beating.note_end, weak=False)
    worker = _worker(app, slots)
    worker.start()
    beating.stop()
    return int(worker.exitcode or _Process.flags[_BROKEN])


def _worker(app: Celery, slots: int) -> Any:
    return app.Worker(
        hostname=f"tagger@{socket.gethostname()}-{os.getpid()}",
        queues=list(_Process.queues),
        pool_cls=Pool,
        concurrency=slots,
        loglevel="WARNING",
        optimization="fair",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=not app.conf.worker_send_task_events,
        quiet=True,
    )


def _tell_children(**_: Any) -> None:
    _Process.flags[_STOPPING] = 1


def _start_child(**_: Any) -> None:
    """Set up a new child, with nothing that the parent may have made."""
    _Process.tagger = None
    tagger()
    _Process.child = Child(tagger, _Process.queues, _give_up)
    _Process.child.start()


def _give_up() -> None:
    """Stop the whole worker, in a child that cannot tag: whoever started it sees a failure, and may start it anew."""
    _Process.flags[_BROKEN] = 1
    if os.getppid() == _Process.parent:
        os.kill(_Process.parent, signal.SIGTERM)


def _stop_child(**_: Any) -> None:
    if _Process.child is not None:
        _Process.child.stop()
    if _Process.tagger is not None:
        _Process.tagger.close_decoders()


class _Heartbeat:
    """A thread of the parent that records that this worker lives, so that the scheduler rings, and whose child died."""

    def __init__(self, settings: Settings, slots: int) -> None:
        self._sessions = sessions_of(connect(settings.database_url, pooled=False))
        self._name = owner_of(os.getpid())
        self._slots = slots
        self._started_at = datetime.now(UTC)
        self._ended: deque[int] = deque()
        self._woken = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        # Forked in the middle of a transaction, a child would take SQLite's file to be locked for ever.
        self._writing = threading.Lock()
        os.register_at_fork(
            before=self._writing.acquire, after_in_parent=self._writing.release, after_in_child=self._writing.release
        )

    def start(self, **_: Any) -> None:
        self._thread.start()

    def note_end(self, pid: int, **_: Any) -> None:
        """Let the thread end the leases of a child that has ended; one that ended in order has none."""
        self._ended.append(pid)
        self._woken.set()

    def stop(self) -> None:
        self._stopped = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._note(lambda session: heartbeats.forget(session, self._name))

    def _beat(self) -> None:
        while not self._stopped:
            self._woken.clear()
            self._note(self._is_alive)
            self._woken.wait(HEARTBEAT_S)

    def _is_alive(self, session: Session) -> None:
        began, queues = self._started_at, _Process.queues
        heartbeats.beat(session, self._name, slots=self._slots, started_at=began, queues=queues)

    def _note(self, write: Callable[[Session], None]) -> None:
        """Write this, and the ends of children that are not yet written; at the next time if it fails."""
        ended = list(self._ended)
        try:
            with self._writing, self._sessions.begin() as session:
                write(session)
                held = {pid: leases.end_of(session, owner_of(pid)) for pid in ended}
        except SQLAlchemyError as error:
            log.warning("heartbeat_failed", error=str(error))
            return
        for pid in ended:
            self._ended.remove(pid)
            if held[pid]:
                log.warning("child_died", pid=pid, worker=owner_of(pid), images=held[pid])
