"""Plans whose opening was interrupted: what they still hold is queued, a few steps a tick."""

from functools import partial

import structlog

from db.operations import reprocess
from db.session import Sessions, in_transaction

log = structlog.get_logger()

STALE_S = 60.0
STEPS = 20


class Plans:
    """The openings that this process goes on with. One thread calls the method."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._ours: set[int] = set()

    def queue_some(self) -> None:
        """Take over the openings that nobody has moved for a minute, and go on with ours."""
        stale = in_transaction(self._sessions, lambda session: reprocess.unopened(session, stale_s=STALE_S))
        for run_id in {*stale} - self._ours:
            log.info("opening_taken_over", run=run_id)
        self._ours.update(stale)
        for run_id in sorted(self._ours):
            queue = partial(reprocess.queue_some, run_id=run_id)
            if not all(in_transaction(self._sessions, queue) for _ in range(STEPS)):
                self._ours.discard(run_id)
