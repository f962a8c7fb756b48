"""The clock of a tagging process: how long each stage took, by run, since that was last written down."""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from threading import Lock

from db.queue.leases import ClaimedItem
from db.reporting.batches import STAGES

_IN_THREADS = ("read", "decode")


class Clock:
    """Seconds of one process by run and stage. Those of `threads` that work at once are divided by their number.

    So the seconds of all stages are comparable: the longest is what holds the process up.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._seconds: defaultdict[int, dict[str, float]] = defaultdict(lambda: dict.fromkeys(STAGES, 0.0))
        self._lock = Lock()

    @contextmanager
    def stage(self, name: str, items: Collection[ClaimedItem]) -> Iterator[None]:
        """Count the time inside for a stage of these items, the same for each, whatever comes of it."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            spent_s = time.perf_counter() - begun
            each_s = spent_s / max(len(items), 1) / (self._threads if name in _IN_THREADS else 1)
            with self._lock:
                for item in items:
                    self._seconds[item.run_id][name] += each_s

    def take(self, run_ids: Collection[int]) -> dict[int, dict[str, float]]:
        """Return the seconds of these runs, which are counted from zero again."""
        with self._lock:
            return {run_id: self._seconds.pop(run_id) for run_id in run_ids if run_id in self._seconds}
