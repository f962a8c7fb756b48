"""Retention: once a day the leading scheduler removes old rows that nothing needs, in short steps between others."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.orm import Session

from db.operations import retention
from db.session import Sessions, in_transaction, now, read_with_retry
from worker.settings import Settings

log = structlog.get_logger()

EVERY_S = 86_400.0
AGAIN_S = 600.0
"""After an error a pass begins anew so much later."""
A_TICK_S = 1.0
"""How long the steps of one tick may take together."""


class Retention:
    """Passes over what may be old. One thread calls the method."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._age = timedelta(days=settings.keep_days)
        self._sessions = sessions
        self._due_at_s = time.monotonic()
        self._steps: Iterator[tuple[str, int]] | None = None
        self._removed: Counter[str] = Counter()

    def remove_some(self) -> None:
        """Go on with the pass, for about a second; begin one when it is due."""
        began = time.monotonic()
        if self._steps is None:
            if began < self._due_at_s:
                return
            self._steps, self._removed, self._due_at_s = self._pass(), Counter(), began + EVERY_S
        try:
            for name, rows in self._steps:
                self._removed[name] += rows
                if time.monotonic() - began > A_TICK_S:
                    return
        except Exception:
            self._steps, self._due_at_s = None, began + AGAIN_S
            raise
        self._steps = None
        if self._removed.total():
            log.info("old_rows_removed", **self._removed)

    def _pass(self) -> Iterator[tuple[str, int]]:
        """Remove what is old now, and yield what each step removed of what."""
        before = read_with_retry(self._sessions, now) - self._age
        for name, remove in retention.STEPS.items():
            after: int | None = 0
            while after is not None:
                removed = in_transaction(self._sessions, partial(_take, remove, before, after))
                yield name, removed.rows
                after = removed.after


def _take(remove: retention.Step, before: datetime, after: int, session: Session) -> retention.Removed:
    return remove(session, before, after)
