"""Follow a run to its end, with a progress bar: tag in this process, or wait for workers elsewhere."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from cli.context import sqlite_file
from cli.progress import listing_spinner, tagging_bar
from cli.tagging.holders import Holder
from db import heartbeats, runs
from db.queue import claims, open_work, throttle
from db.reporting import gate
from db.schema import Run
from db.session import Sessions, in_transaction, now, read_with_retry
from worker.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

    from worker.bootstrap import Classifiers

RING_S = 2.0
STOP_S = 2.0
"""What images at hand have left when a run is stopped; then their decoders are killed, and nothing is counted."""
_EMBEDDED_CHUNK = 1024


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM while images were tagged; the message says how many still wait in the catalogue."""


class RunHeld(Exception):
    """The gate holds the run; the message says why and what to do."""


@contextmanager
def listing(settings: Settings, sessions: Sessions) -> Iterator[Callable[[int], None]]:
    """Show a spinner with the number of images seen, let workers start; yield what a scan calls after each page."""
    workers = None if settings.embedded else _Workers(settings, sessions, threading.Event())
    with listing_spinner() as show:

        def tick(seen: int) -> None:
            show(seen)
            if workers is not None:
                workers.step()

        yield tick


def follow(settings: Settings, sessions: Sessions, run_id: int, classifiers: Classifiers) -> dict[str, int]:
    """Wait until every item of the run is final, and return its counts. Raises Interrupted at Ctrl-C or SIGTERM.

    `classifiers` tag in this process when the broker is embedded; workers elsewhere have their own.
    """
    counts = _counts(sessions, run_id)
    if counts["open"]:
        counts = _work_off(settings, sessions, run_id, classifiers)
    in_transaction(sessions, lambda session: runs.close_finished(session, [run_id]))
    if counts["open"] and (why := read_with_retry(sessions, lambda session: _at_gate(session, run_id))):
        raise RunHeld(
            f"{why}. {counts['open']:,} images wait; `tagger report {run_id} -o held.html` shows some of "
            f"what came, and `tagger runs resume {run_id} --accept WHY` lets the night through"
        )
    if counts["open"]:
        raise Interrupted(f"stopped; {counts['open']:,} images are left")
    return counts


def _work_off(settings: Settings, sessions: Sessions, run_id: int, classifiers: Classifiers) -> dict[str, int]:
    begun, first = time.monotonic(), None
    with _stop_signals() as stopped:
        engine: _Embedded | _Workers = (
            _Embedded(settings, sessions, run_id, classifiers, stopped)
            if settings.embedded
            else _Workers(settings, sessions, stopped)
        )
        with engine, tagging_bar() as show:
            while True:
                engine.step()
                asked = time.monotonic()
                counts = _counts(sessions, run_id)
                counting_s = time.monotonic() - asked
                show(counts, read_with_retry(sessions, lambda session: _hint(session, run_id, settings, engine.owner)))
                held = read_with_retry(sessions, lambda session: _at_gate(session, run_id))
                if counts["open"] == 0 or stopped.is_set() or held:
                    break
                first = counts["open"] if first is None else first
                engine.wait(_pause_s(first - counts["open"], counts["open"], asked - begun, counting_s))
    return _counts(sessions, run_id)


class _Embedded:
    """The pipeline, in a thread of this process. An error in it ends the command."""

    def __init__(
        self, settings: Settings, sessions: Sessions, run_id: int, classifiers: Classifiers, stopped: threading.Event
    ) -> None:
        from worker.bootstrap import build_tagger

        # Alone with the catalogue, a larger chunk costs nobody a wait, and fewer ends of chunks leave the pool idle.
        settings = settings.model_copy(update={"chunk": max(settings.chunk, _EMBEDDED_CHUNK)})
        tagger = build_tagger(settings, sessions, classifiers, stopping=lambda: stopped.is_set() or self._ended)
        self._holder = Holder(sqlite_file(settings.database_url))
        self.owner = self._holder.owner
        self._tagger = replace(tagger, owner=self.owner)
        self._run_id = run_id
        self._ended = False
        self._idle = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="tagging")

    def __enter__(self) -> None:
        if self._tagger.decoders:  # while the first images are claimed; one that does not start fails its image
            waiting = _counts(self._tagger.sessions, self._run_id)["open"]
            self._tagger.pool.submit(self._tagger.decoders.start, waiting)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join(timeout=STOP_S)
        self._tagger.close_decoders()  # whatever they are at
        self._thread.join()
        self._tagger.pool.shutdown()
        self._holder.close()

    def step(self) -> None:
        """Raise what went wrong in the thread, and take over from processes that were killed."""
        if self._error is not None:
            raise self._error
        self._holder.end_leases_of_the_dead(self._tagger.sessions)

    def wait(self, pause_s: float) -> None:
        """Wait, but no longer than until the images at hand are done or the thread ends."""
        self._idle.wait(pause_s)
        self._idle.clear()

    def _work(self) -> None:
        from worker.tagging import Outcome, work

        try:
            while not self._tagger.stopping():
                outcomes = [work(self._tagger, name, run_id=self._run_id) for name in claims.QUEUES]
                if any(outcome != Outcome() for outcome in outcomes):
                    self._idle.set()
                time.sleep(0.05)
        except BaseException as error:  # noqa: BLE001 -- handed to the thread that waits, which raises it
            self._error = error
        finally:
            self._idle.set()


class _Workers:
    """Workers elsewhere. This process rings for them too, so that a run needs no scheduler."""

    owner = None

    def __init__(self, settings: Settings, sessions: Sessions, stopped: threading.Event) -> None:
        from worker.celery import create_app

        self._app: Celery = create_app(settings)
        self._sessions = sessions
        self._chunk = settings.chunk
        self._stopped = stopped
        self._rung_at = float("-inf")

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None

    def step(self) -> None:
        """Ring, if the last time was a while ago."""
        from scheduler.doorbells import ring_all

        if time.monotonic() - self._rung_at >= RING_S:
            ring_all(self._app, self._sessions, chunk=self._chunk)
            self._rung_at = time.monotonic()

    def wait(self, pause_s: float) -> None:
        """Wait, but no longer than until a signal says to stop."""
        self._stopped.wait(pause_s)


def _pause_s(done: int, left: int, elapsed_s: float, counting_s: float) -> float:
    """Return the time until the next count: a quarter of what is left at this pace, up to a second.

    The more a count takes the fewer there are: every five times as long while the end is far, and never more than half
    of the time is spent on counting.
    """
    quarter_s = 0.25 * left * elapsed_s / max(done, 1)
    return max(min(quarter_s, elapsed_s, max(1.0, 5 * counting_s)), counting_s, 0.1)


def _counts(sessions: Sessions, run_id: int) -> dict[str, int]:
    return read_with_retry(sessions, lambda session: runs.work_counts(session, run_id))


def _at_gate(session: Session, run_id: int) -> str:
    """Say what the gate found at a run that it holds; empty if it holds it not."""
    found = gate.finding(session, run_id)
    return str(found.detail["text"]) if found is not None and gate.holds(found) else ""


def _hint(session: Session, run_id: int, settings: Settings, owner: str | None) -> str:
    """Say why nothing moves, if the run waits for something."""
    if session.get_one(Run, run_id).state == "paused":
        return f"paused: tagger runs resume {run_id}"
    until = throttle.held_until(session, run_id)
    if until is not None:
        return f"the store does not answer; trying again at {until:%H:%M:%S} UTC"
    if not settings.embedded and not heartbeats.slots(session):
        return "no worker is alive: start `tagger worker`"
    retry_at = runs.next_retry_at(session, run_id)
    if retry_at is not None and retry_at > now(session):
        return f"next try at {retry_at:%H:%M:%S} UTC"
    if owner and (held := open_work.held_until(session, run_id, owner)):
        return (
            f"{':'.join(held[0].split(':')[:2])} holds what is left, until {held[1]:%H:%M:%S} UTC if it does not go on"
        )
    return ""


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and SIGTERM set, so that the work ends in order. A second Ctrl-C ends it at once."""
    stopped = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    handlers = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
