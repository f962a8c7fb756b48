"""How many decoded pixels a process may hold at once, over all its decoding threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Protocol

PIXELS_IN_FLIGHT = 120_000_000
"""Three pictures of the largest size that is accepted: about half a gigabyte at Pillow's four bytes a pixel."""


class Reserve(Protocol):
    """Called with a number of pixels before they are decoded; returns when there is room for them."""

    def __call__(self, pixels: int) -> None: ...


class PixelBudget:
    """Shared by threads. One picture that is larger than the whole budget still gets through, alone."""

    def __init__(self, pixels: int = PIXELS_IN_FLIGHT) -> None:
        self._total = self._free = pixels
        self._changed = Condition()

    @contextmanager
    def lease(self) -> Iterator[Reserve]:
        """What is reserved inside the block is free again at its end."""
        taken = 0

        def reserve(pixels: int) -> None:
            nonlocal taken
            wanted = min(pixels, self._total)
            with self._changed:
                self._changed.wait_for(lambda: self._free >= wanted)
                self._free -= wanted
            taken += wanted

        try:
            yield reserve
        finally:
            with self._changed:
                self._free += taken
                self._changed.notify_all()
