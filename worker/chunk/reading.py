"""Reading of a chunk's images: read, decoded and prepared by a pool of threads, a window of them at a time."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import structlog

from db.queue.leases import ClaimedItem
from model.images.decoder_pool import DecoderKilled, DecodersClosed
from model.images.decoding import DecodeLimits, ImageRejected
from worker.chunk.clock import Clock
from worker.storage.store import AccessDenied, StorageError, Store, StoreMisconfigured, StoreUnavailable
from worker.telemetry import of_item

log = structlog.get_logger()

RECORD_S = 3.0
"""What is ready waits no longer for the rest of its batch."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The reason why an image could not be prepared; `lasting` if another try at this version is useless."""

    item: ClaimedItem
    reason: str
    detail: str
    lasting: bool
    strike: bool = False  # it took its decoder too long, or with it
    cap: int | None = None  # the limit that it is over, of bytes or pixels

    def ending(self) -> dict[str, Any]:
        """Return what the item's row is to say."""
        ending = {"reason": self.reason, "detail": self.detail}
        return ending if self.cap is None else ending | {"cap": self.cap}

    @property
    def of_store(self) -> bool:
        """Whether the store may be the cause, and not the image."""
        return not self.lasting and self.reason in ("store_unavailable", "access_denied")


@dataclass(frozen=True, slots=True)
class Prepared:
    """An image as the network takes it: uint8[H, W, C]."""

    item: ClaimedItem
    pixels: np.ndarray


class Reading:
    """A chunk's images on their way through the pool, at most a window of them at once."""

    def __init__(
        self, pool: ThreadPoolExecutor, prepare: Callable[[ClaimedItem], Prepared | Fault], items: Sequence[ClaimedItem]
    ) -> None:
        self._pool, self._prepare = pool, prepare
        self._todo = deque(items)
        self._in_flight: set[Future[Prepared | Fault]] = set()
        self._done: SimpleQueue[Future[Prepared | Fault]] = SimpleQueue()

    def top_up(self, window: int) -> bool:
        """Submit images until `window` are in flight; returns whether any is."""
        while self._todo and len(self._in_flight) < window:
            future = self._pool.submit(self._prepare, self._todo.popleft())
            self._in_flight.add(future)
            future.add_done_callback(self._done.put)
        return bool(self._in_flight)

    def finished(self, timeout_s: float) -> list[Prepared | Fault]:
        """Return what was prepared since the last call; waits for at least one, or until the time is over."""
        futures: list[Future[Prepared | Fault]] = []
        with suppress(Empty):
            futures.append(self._done.get(timeout=timeout_s))
            while True:
                futures.append(self._done.get_nowait())
        self._in_flight.difference_update(futures)
        return [future.result() for future in futures if not future.cancelled()]

    def batches(self, size: int, *, window: int, between: Callable[[], None]) -> Iterator[list[Prepared | Fault]]:
        """Yield results `size` at a time, or what there is after some seconds; `between` is called every second."""
        ready: list[Prepared | Fault] = []
        yielded_at = time.monotonic()
        try:
            while self.top_up(window - len(ready)):
                ready += self.finished(timeout_s=1.0)
                while len(ready) >= size or (ready and time.monotonic() - yielded_at > RECORD_S):
                    yield ready[:size]
                    del ready[:size]
                    yielded_at = time.monotonic()
                    self.top_up(window - len(ready))
                between()
            if ready:
                yield ready
        finally:
            self.stop()

    def stop(self) -> None:
        """Start nothing more; what has been started is still delivered."""
        self._todo.clear()
        for future in tuple(self._in_flight):
            future.cancel()


def prepare(
    store_of: Callable[[str], Store],
    limits: DecodeLimits,
    decode: Callable[[bytes], np.ndarray],
    clock: Clock,
    item: ClaimedItem,
) -> Prepared | Fault:
    """Read one image and decode it as the classifier takes it. Never raises; returns a Fault on failure."""
    try:
        with clock.stage("read", [item]):
            data = store_of(item.bucket).read(item.key, item.version_token, max_bytes=limits.max_bytes)
        with clock.stage("decode", [item]):
            return Prepared(item, decode(data))
    except ImageRejected as error:
        return Fault(item, error.reason, error.detail, lasting=True, cap=_cap(error.reason, limits))
    except DecoderKilled as error:
        return Fault(item, error.reason, error.detail, lasting=False, strike=True)
    except DecodersClosed as error:
        return Fault(item, "internal", str(error), lasting=False)
    except AccessDenied as error:
        # A folder's permissions stay; a bucket's 403 may be a policy on its way, so it is tried again.
        return Fault(item, error.reason, str(error), lasting=item.bucket.startswith("file:"))
    except (StoreUnavailable, StoreMisconfigured) as error:
        return Fault(item, "store_unavailable", str(error), lasting=False)
    except StorageError as error:
        return Fault(item, error.reason, str(error), lasting=True, cap=_cap(error.reason, limits))
    except Exception as error:
        log.exception("image_failed", **of_item(item))
        return Fault(item, "internal", f"{type(error).__name__}: {error}", lasting=False)


def _cap(reason: str, limits: DecodeLimits) -> int | None:
    return {"too_large": limits.max_bytes, "too_many_pixels": limits.max_pixels}.get(reason)
