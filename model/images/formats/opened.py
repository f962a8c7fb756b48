"""What opening a file tells before any pixel is decoded."""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image


class NotRead(Exception):
    """A file of a format that is read, but of a kind that is not. Its text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An image that is not decoded yet: its size, the most bytes that decoding and converting it takes, and how to."""

    size: tuple[int, int]
    needed: int
    load: Callable[[], Image.Image]
