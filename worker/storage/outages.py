"""Outages of stores: whether one answers, how long it is held while it does not, and when to give up on it."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import structlog

from db.queue import throttle
from db.session import Sessions, in_transaction, reading
from worker.storage.store import StorageError, Store, StoreMisconfigured, StoreUnavailable

log = structlog.get_logger()

STRIKES = 15
"""A store that does not answer so often in a row is given up: after three quarters of an hour."""
STRIKES_OF_MISCONFIGURED = 6
"""The same if it says that somebody has to act: after two and a half minutes, as for a single image."""
_OUT = (StoreUnavailable, StoreMisconfigured)


class Outages:
    """The stores of a process, what it has read of each, and the outages that it meets. Its methods are for one thread.

    A listing alone does not tell whether a store answers: a server may list what it cannot read, and let us read what
    it does not list. So an image that was read before is read again, if there is one.
    """

    def __init__(self, sessions: Sessions, store_of: Callable[[str], Store], max_bytes: int) -> None:
        self._sessions = sessions
        self._store_of = store_of
        self._max_bytes = max_bytes
        self._last_read: dict[str, tuple[str, str]] = {}

    def note_read(self, bucket: str, key: str, version_token: str) -> None:
        """Note an image that was read, to be read again in doubt."""
        self._last_read[bucket] = key, version_token

    def ask_again(self, run_id: int | None) -> None:
        """Ask the stores whose pause is over, before anything of them is claimed. Of all processes one asks each."""
        with reading(self._sessions) as session:
            due = throttle.due(session, run_id)
        for bucket in due:
            if not in_transaction(self._sessions, partial(throttle.take, bucket=bucket)):
                continue
            error = self._fault_of(bucket)
            if error is None:
                in_transaction(self._sessions, partial(throttle.answered, buckets=[bucket]))
            elif self.hold(bucket, error, taken=True):
                self.give_up(bucket, error)

    def among(
        self, buckets: Iterable[str], *, meanwhile: Callable[[], None]
    ) -> dict[str, StoreUnavailable | StoreMisconfigured]:
        """Ask stores, and return the errors of those that do not answer. Meanwhile call `meanwhile` each second."""
        out = {}
        with ThreadPoolExecutor(1) as beside:
            for bucket in buckets:
                asked = beside.submit(self._fault_of, bucket)
                while not wait([asked], timeout=1.0).done:
                    meanwhile()
                if error := asked.result():
                    out[bucket] = error
        return out

    def _fault_of(self, bucket: str) -> StoreUnavailable | StoreMisconfigured | None:
        try:
            store = self._store_of(bucket)
            if bucket in self._last_read:
                try:
                    store.read(*self._last_read[bucket], max_bytes=self._max_bytes)
                except _OUT:
                    raise
                except StorageError:  # of this image alone: it is gone, or no longer for us
                    del self._last_read[bucket]
            if bucket not in self._last_read:
                store.check()
        except _OUT as error:
            return error
        return None

    def hold(
        self, bucket: str, error: StoreUnavailable | StoreMisconfigured, *, images: int = 0, taken: bool = False
    ) -> bool:
        """Hold a store that does not answer; return whether it has stayed away too often, and is to be given up."""
        detail = str(error)
        hold = in_transaction(self._sessions, lambda session: throttle.hold(session, bucket, detail, taken=taken))
        log.warning("store_outage", bucket=bucket, images=images, pause_s=hold.pause_s, detail=detail)
        limit = STRIKES_OF_MISCONFIGURED if isinstance(error, StoreMisconfigured) else STRIKES
        return hold.strikes >= limit and not hold.answered_lately

    def give_up(self, bucket: str, error: StoreUnavailable | StoreMisconfigured) -> None:
        """Quarantine all that waits for a store."""
        detail = f"the store has not answered for long, a later scan tries it again: {error}"
        count = 0
        while some := in_transaction(self._sessions, lambda session: throttle.give_up(session, bucket, detail)):
            count += some
        log.error("store_given_up", bucket=bucket, images=count, detail=str(error))
