"""A cap on the decoded pixels that a process holds at once, over all its decoding threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Protocol

PIXELS_IN_FLIGHT = 120_000_000
"""Three images of the largest size that is accepted: about half a gigabyte at Pillow's four bytes a pixel."""


class Reserve(Protocol):
    """A function called with a number of pixels before they are decoded; it returns when there is room for them."""

    def __call__(self, pixels: int) -> None: ...


def no_limit(pixels: int) -> None:
    """Budget that never blocks."""


class PixelBudget:
    """A budget shared by threads. An image larger than the whole budget still gets through, alone."""

    def __init__(self, pixels: int = PIXELS_IN_FLIGHT) -> None:
        self._total = self._free = pixels
        self._changed = Condition()

    @contextmanager
    def lease(self) -> Iterator[Reserve]:
        """Give a Reserve; what it reserves inside the block is free again at its end."""
        taken = 0

        def reserve(pixels: int) -> None:
            nonlocal taken
            share = min(pixels, self._total)
            with self._changed:
                self._changed.wait_for(lambda: self._free >= share)
                self._free -= share
            taken += share

        try:
            yield reserve
        finally:
            with self._changed:
                self._free += taken
                self._changed.notify_all()
