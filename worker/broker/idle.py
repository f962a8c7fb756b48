"""A child that nobody rings for looks into SQL by itself, so that losing the broker stops no work."""

import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import asdict

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db import CatalogueError
from model import ModelError
from worker import WorkerError, tagging
from worker.chunk.classifying import RuntimeBroken
from worker.tagging import Outcome, Tagger

log = structlog.get_logger()

LOOK_S = (10.0, 20.0)
"""The least and the most seconds between two looks of an idle child."""
STOP_S = 30.0


class Child:
    """What a child does, one at a time: the work it is rung for, and, where nobody rings, what it finds itself."""

    def __init__(self, tagger: Callable[[], Tagger], queues: tuple[str, ...], give_up: Callable[[], None]) -> None:
        self._tagger = tagger
        self._queues = queues
        self._give_up = give_up
        self._busy = threading.Lock()
        self._thread = threading.Thread(target=self._look, name="idle", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Wait for what is being worked on, as far as it ends or gives itself back in time, and begin nothing more."""
        self._busy.acquire(timeout=STOP_S)

    def work(self, queue: str) -> Outcome:
        """Work off a queue, after what this child is at by itself."""
        with self._busy:
            return self._work_off(queue)

    def _work_off(self, queue: str) -> Outcome:
        """Work off a queue; chunks of the queues that go before it come first.

        If the runtime is broken, the child gives up, as it would be for every image to come.
        """
        before = itertools.takewhile(lambda name: name != queue, self._queues)
        try:
            return tagging.work(self._tagger(), *before, queue)
        except RuntimeBroken as error:
            log.error("runtime_broken", error=str(error))
            self._give_up()
            raise

    def _look(self) -> None:
        pause = threading.Event()
        found = False
        while not pause.wait(0.0 if found else random.uniform(*LOOK_S)):  # noqa: S311 -- so that not all look at once
            found = False
            if self._busy.acquire(blocking=False):
                try:
                    found = any(self._finds_work(name) for name in self._queues)
                finally:
                    self._busy.release()

    def _finds_work(self, queue: str) -> bool:
        try:
            outcome = self._work_off(queue)
        except (SQLAlchemyError, CatalogueError, ModelError, WorkerError) as error:
            log.warning("look_failed", queue=queue, error=str(error))
            return False
        except Exception:
            log.exception("look_failed", queue=queue)
            return False
        if outcome == Outcome():
            return False
        log.info("worked", queue=queue, **asdict(outcome))
        return outcome.tagged + outcome.skipped > 0
