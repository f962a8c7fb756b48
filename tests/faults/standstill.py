"""The longest time in which work could have been done, and nothing was."""

from __future__ import annotations

import threading
import time

import psycopg

POLL_S = 0.25
QUERY = """
SELECT (SELECT coalesce(sum(items), 0) FROM run_count WHERE name IN ('done', 'skipped', 'quarantined', 'cancelled')),
       EXISTS (SELECT 1 FROM work_item JOIN run ON run.id = work_item.run_id
               WHERE work_item.state IN ('pending', 'leased') AND run.state <> 'paused'
               AND (work_item.state = 'leased' OR failures + crashes = 0 OR eligible_at <= now()))
"""
"""The number of items that are final, and whether any is open that does not wait for the end of a back-off."""


class StandStill:
    """A thread that watches the catalogue, also while its database is away: how many items are `final`, `longest_s`."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+psycopg", "")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.final = -1
        self.longest_s = 0.0

    def __enter__(self) -> StandStill:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        moved_at = time.monotonic()
        while not self._stopped.wait(POLL_S):
            try:
                with psycopg.connect(self._url, connect_timeout=2, autocommit=True) as connection:
                    while not self._stopped.wait(POLL_S):
                        row = connection.execute(QUERY).fetchone()
                        assert row is not None
                        if row[0] != self.final or not row[1]:
                            self.final, moved_at = int(row[0]), time.monotonic()
                        self.longest_s = max(self.longest_s, time.monotonic() - moved_at)
            except psycopg.Error:
                continue
