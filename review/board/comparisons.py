"""Comparisons of plans with the tags there are, made behind the requests that ask for them, one after another."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db import CatalogueError
from db.operations.samples import SAMPLE
from model import ModelError
from worker import WorkerError
from worker.bootstrap import Classifiers, build_tagger

if TYPE_CHECKING:
    from db.schema import Plan
    from db.session import Sessions
    from worker.settings import Settings

_KEPT = 50


@dataclass(slots=True)
class Progress:
    """How far a comparison is; `failed` says why there will be no result."""

    of: int
    done: int = 0
    failed: str | None = None


class _Stopped(Exception):
    """The process ends."""


class Comparisons:
    """Compares a sample of each plan that somebody asks it for, as `tagger reprocess --compare` does."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings, self._sessions = settings, sessions
        self._lock, self._stopping = Lock(), Event()
        self._progress: OrderedDict[str, Progress] = OrderedDict()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="compare")

    def begin(self, plan: Plan) -> None:
        """Compare a plan as soon as those before it are done, unless that is under way."""
        with self._lock:
            known = self._progress.get(plan.code)
            if known is not None and known.failed is None:
                return
            progress = self._progress[plan.code] = Progress(min(SAMPLE, plan.figures["images"]))
            while len(self._progress) > _KEPT:
                self._progress.popitem(last=False)
        self._executor.submit(self._compare, plan, progress)

    def of(self, code: str) -> Progress | None:
        """Return how far the comparison of a plan is; None before it began and after it succeeded."""
        return self._progress.get(code)

    def close(self) -> None:
        """Stop what is under way; nothing of it is kept."""
        self._stopping.set()
        self._executor.shutdown(cancel_futures=True)

    def _compare(self, plan: Plan, progress: Progress) -> None:
        failed = "it broke off"
        try:
            self._classify(plan, progress)
            failed = ""
        except (ModelError, CatalogueError, WorkerError, SQLAlchemyError, OSError) as error:
            failed = type(error).__name__ if isinstance(error, SQLAlchemyError) else str(error)
        except _Stopped:
            pass
        finally:
            self._end(plan.code, progress, failed)

    def _end(self, code: str, progress: Progress, failed: str) -> None:
        if failed:
            structlog.get_logger().warning("comparison_failed", plan=code, error=failed)
            progress.failed = failed
        else:
            with self._lock:
                self._progress.pop(code, None)

    def _classify(self, plan: Plan, progress: Progress) -> None:
        from worker.operations.comparison import compare  # numpy and Pillow come with it

        def count() -> None:
            progress.done += 1
            if self._stopping.is_set():
                raise _Stopped

        tagger = build_tagger(self._settings, self._sessions, Classifiers(self._settings, self._sessions))
        try:
            compare(tagger, plan, on_image=count)
        finally:
            tagger.close_decoders()
            tagger.pool.shutdown()
