"""Following a run to its end, with a bar: in this process when embedded, else while workers elsewhere do the work."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from cli.progress import listing_spinner, tagging_bar
from db import heartbeats, queue, runs, throttle
from db.session import Sessions, in_transaction, now, read_with_retry
from worker.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

    from worker.bootstrap import Classifiers

RING_S = 2.0
_EMBEDDED_CHUNK = 1024


class Interrupted(Exception):
    """The person pressed Ctrl-C; `left` images still wait in the catalogue."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left} images left")
        self.left = left


@contextmanager
def listing(settings: Settings, sessions: Sessions) -> Iterator[Callable[[int], None]]:
    """Show a spinner with the number of images seen, let workers start; yield what a scan calls after each page."""
    workers = None if settings.embedded else _Workers(settings, sessions)
    with listing_spinner() as show:

        def tick(seen: int) -> None:
            show(seen)
            if workers is not None:
                workers.step()

        yield tick


def follow(settings: Settings, sessions: Sessions, run_id: int, classifiers: Classifiers) -> dict[str, int]:
    """Wait until every item of the run is final; its counts. Raises Interrupted at Ctrl-C or SIGTERM.

    `classifiers` do the work when embedded; workers elsewhere have their own.
    """
    counts = _counts(sessions, run_id)
    if counts["open"]:
        counts = _work_off(settings, sessions, run_id, classifiers)
    in_transaction(sessions, lambda session: runs.close_finished(session, [run_id]))
    if counts["open"]:
        raise Interrupted(counts["open"])
    return counts


def _work_off(settings: Settings, sessions: Sessions, run_id: int, classifiers: Classifiers) -> dict[str, int]:
    begun, first = time.monotonic(), None
    with _interruptible() as stopped:
        engine: _Embedded | _Workers = (
            _Embedded(settings, sessions, run_id, classifiers, stopped)
            if settings.embedded
            else _Workers(settings, sessions)
        )
        with engine, tagging_bar() as show:
            while True:
                engine.step()
                counts = _counts(sessions, run_id)
                show(counts, read_with_retry(sessions, lambda session: _hint(session, run_id, settings)))
                if counts["open"] == 0 or stopped.is_set():
                    break
                first = counts["open"] if first is None else first
                engine.wait(_pause_s(first - counts["open"], counts["open"], time.monotonic() - begun))
    return _counts(sessions, run_id)


class _Embedded:
    """The pipeline in a thread of this process. An error in it ends the command."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        run_id: int,
        classifiers: Classifiers,
        stopped: threading.Event,
    ) -> None:
        from worker.bootstrap import build_tagger

        # Alone with the catalogue, a larger chunk costs nobody a wait, and fewer ends of chunks leave the pool idle.
        settings = settings.model_copy(update={"chunk": max(settings.chunk, _EMBEDDED_CHUNK)})
        self._tagger = build_tagger(settings, sessions, classifiers, stopping=lambda: stopped.is_set() or self._ended)
        self._run_id = run_id
        self._ended = False
        self._idle = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="tagging")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()
        self._tagger.pool.shutdown()

    def step(self) -> None:
        if self._error is not None:
            raise self._error

    def wait(self, pause_s: float) -> None:
        """For a while, or until nothing is left to do."""
        self._idle.wait(pause_s)
        self._idle.clear()

    def _work(self) -> None:
        from worker.tagging import work

        try:
            while not self._tagger.stopping():
                for name in queue.QUEUES:
                    work(self._tagger, name, run_id=self._run_id)
                self._idle.set()
                time.sleep(0.05)
        except BaseException as error:  # noqa: BLE001 -- handed to the thread that waits, which raises it
            self._error = error
            self._idle.set()


class _Workers:
    """Workers elsewhere tag; this process rings for them too, so that a run needs no scheduler."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        from worker.celery import create_app

        self._app: Celery = create_app(settings)
        self._sessions = sessions
        self._chunk = settings.chunk
        self._rung_at = float("-inf")

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None

    def step(self) -> None:
        from scheduler.doorbells import ring_all

        if time.monotonic() - self._rung_at >= RING_S:
            ring_all(self._app, self._sessions, chunk=self._chunk)
            self._rung_at = time.monotonic()

    def wait(self, pause_s: float) -> None:
        time.sleep(pause_s)


def _pause_s(done: int, left: int, elapsed_s: float) -> float:
    """Until the next look: a quarter of the time that is left at this pace, so that looking costs the work little."""
    return max(min(0.25 * left * elapsed_s / max(done, 1), elapsed_s, 1.0), 0.1)


def _counts(sessions: Sessions, run_id: int) -> dict[str, int]:
    """Counting a large run takes a while; then it is counted less often."""
    begun = time.monotonic()
    counts = read_with_retry(sessions, lambda session: runs.work_counts(session, run_id))
    time.sleep(min(5 * (time.monotonic() - begun), 5.0))
    return counts


def _hint(session: Session, run_id: int, settings: Settings) -> str:
    """Why nothing moves, if something is waited for."""
    until = throttle.throttled_until(session)
    if until is not None:
        return f"the store does not answer; trying again at {until:%H:%M:%S} UTC"
    if not settings.embedded and not heartbeats.slots(session):
        return "no worker is alive: start `tagger worker`"
    waiting = runs.next_retry_at(session, run_id)
    if waiting is not None and waiting > now(session):
        return f"next try at {waiting:%H:%M:%S} UTC"
    return ""


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that the work ends in order. A second Ctrl-C is not held back."""
    stopped = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
