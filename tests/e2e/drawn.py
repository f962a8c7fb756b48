"""Photographs to tag, drawn: none is the same as another, and a shop's would be no larger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench import images

TEST, TRAIN = 372, 628
_DRAWINGS = 40
"""Drawing takes longest, so that each drawing is there many times, with another comment each time."""


def draw_photographs(folder: Path) -> Path:
    """Write `test/` and `train/`, of so many JPEG files of 400 × 534 pixels; the folder."""
    pictures = drawings()
    for number in range(TEST + TRAIN):
        part = folder / ("test" if number < TEST else "train") / f"{number % 10}"
        part.mkdir(parents=True, exist_ok=True)
        (part / f"{number:04}.jpg").write_bytes(numbered(pictures[number % _DRAWINGS], number))
    return folder


def drawings() -> list[bytes]:
    """Return the drawings, as JPEG files."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(_drawing, range(_DRAWINGS)))


def numbered(drawing: bytes, number: int) -> bytes:
    """Return a file of the same picture that is like no other's, by a comment."""
    comment = f"{number:04}".encode()
    return drawing[:2] + b"\xff\xfe" + (2 + len(comment)).to_bytes(2) + comment + drawing[2:]


def _drawing(seed: int) -> bytes:
    file = BytesIO()
    Image.fromarray(images.picture(seed)).resize((400, 534)).save(file, "JPEG", quality=82)
    return file.getvalue()


def blob(path: Path, seed: int = 0, size: tuple[int, int] = (120, 160)) -> None:
    """Draw a garment-like blob on a light background, different for each seed."""
    noise = np.random.default_rng(seed).integers(200, 256, (size[1], size[0], 3), dtype=np.uint8)
    noise[size[1] // 4 : -size[1] // 4, size[0] // 3 : -size[0] // 3] //= 3
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).save(path)
