"""Celery's prefork pool, which tells which child has ended."""

from typing import Any

from celery.concurrency.prefork import TaskPool
from celery.utils.dispatch import Signal

child_ended = Signal(name="child_ended", providing_args={"pid"})
"""Sent in the parent, by its event loop, for each child that has ended in whatever way."""


class Pool(TaskPool):  # type: ignore[misc]  # Celery ships no types
    """A pool that sends `child_ended`."""

    def register_with_event_loop(self, loop: Any) -> None:
        """Add to what the pool does with a process that has ended."""
        super().register_with_event_loop(loop)
        clean_up = self._pool.on_process_down

        def on_process_down(process: Any) -> None:
            clean_up(process)
            self._forget_lost_jobs()
            child_ended.send(sender=self, pid=process.pid)

        self._pool.on_process_down = on_process_down

    def _forget_lost_jobs(self) -> None:
        """Drop the jobs that failed with their child, which Celery keeps if the child had not yet acknowledged them.

        A warm shutdown waits for all that are kept, and would wait for these for ever.
        """
        for job in list(self._pool._cache.values()):
            if job.ready():
                job.discard()
