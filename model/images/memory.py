"""Memory: what decoding an image takes, known before it is, and a cap on what all threads take at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Protocol

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

MOST = 262_000_000
"""Bytes for one image. A decoder process takes 35 MB without one, and is to stay below 300."""
BYTES_IN_FLIGHT = 2 * MOST
_WEBP = 12
"""Bytes a pixel: two canvases of the decoder, and what it gives out or, if it is lossless, decodes to first."""
_FLAT = 6
"""Bytes a pixel of RGB, and of two greys in the making."""
_TURNED = 8
"""Bytes a pixel of what is turned, unless it is grey or has a palette then."""
_COEFFICIENT = 2
"""Bytes a sample of a JPEG of several scans, all of which are kept to the last."""


def bytes_of_webp(size: tuple[int, int]) -> int:
    """Return the most bytes that decoding a canvas takes, from the moment that the decoder is made."""
    return _WEBP * size[0] * size[1]


def bytes_of(image: Image.Image, *, turned: bool) -> int:
    """Return the most bytes that an opened image takes while it is decoded and converted."""
    wide = turned and image.mode in ("RGB", "RGBA", "LA", "CMYK")
    return (_TURNED if wide else _FLAT) * image.width * image.height


def bytes_of_scans(image: JpegImageFile) -> int:
    """Return the bytes that a JPEG of several scans takes besides, whatever it is shrunk to."""
    layers = [(down, across) for _, down, across, _ in image.layer]
    largest = max(down for down, _ in layers) * max(across for _, across in layers)
    return _COEFFICIENT * image.width * image.height * sum(down * across for down, across in layers) // max(1, largest)


class Reserve(Protocol):
    """A function called with a number of bytes before an image is decoded; it returns when there is room for it."""

    def __call__(self, size: int) -> None: ...


def no_limit(size: int) -> None:
    """Budget that never blocks."""


class MemoryBudget:
    """A budget shared by threads. An image larger than the whole budget still gets through, alone."""

    def __init__(self, size: int = BYTES_IN_FLIGHT) -> None:
        self._total = self._free = size
        self._changed = Condition()

    @contextmanager
    def lease(self) -> Iterator[Reserve]:
        """Give a Reserve; what it reserves inside the block is free again at its end."""
        taken = 0

        def reserve(size: int) -> None:
            nonlocal taken
            share = min(size, self._total)
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
