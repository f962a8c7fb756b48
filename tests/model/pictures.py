"""Pictures made for tests, good and bad. Nothing here is random but by a seed."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SHARED = Path(__file__).parents[3] / "shared" / "clothing-dataset-small"


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Encode an image as the bytes of a file."""
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def photograph(width: int = 300, height: int = 400, ground: int = 230) -> Image.Image:
    """Draw a dark garment with sleeves on an even ground, RGB."""
    pixels = np.full((height, width, 3), ground, np.uint8)
    pixels[height // 4 : 3 * height // 4, width // 3 : 2 * width // 3] = (60, 40, 90)
    pixels[height // 4 : height // 3, width // 5 : 4 * width // 5] = (90, 50, 100)
    return Image.fromarray(pixels)


def on_floor(board: int, gap: int, garment: int = 200) -> tuple[Image.Image, np.ndarray]:
    """Draw a bluish garment with sleeves on boards with dark gaps and light from the left, RGB, with its mask."""
    random = np.random.default_rng(7)
    rows, columns = np.mgrid[:400, :300]
    level = np.where(rows % 50 < 5, gap, board) + 25 - columns / 6 + random.normal(0, 4, rows.shape)
    pixels = np.stack([level, level * 0.8, level * 0.55], axis=-1)
    shape = (rows >= 100) & (rows < 300) & (columns >= 100) & (columns < 200)
    shape |= (rows >= 100) & (rows < 150) & (columns >= 50) & (columns < 250)
    pixels[shape] = np.array([0.85, 0.9, 1]) * garment + random.normal(0, 3, (shape.sum(), 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), shape


def noise(seed: int, size: tuple[int, int] = (40, 30), channels: int = 3) -> Image.Image:
    """Draw an image of random pixels."""
    random = np.random.default_rng(seed)
    shape = (size[1], size[0], channels) if channels > 1 else (size[1], size[0])
    return Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8))


def garment(seed: int, size: tuple[int, int] = (200, 240)) -> Image.Image:
    """Draw soft patches of colour, other ones for each seed: no two look alike to a perceptual hash."""
    return noise(seed, (6, 8)).resize(size, Image.Resampling.BICUBIC)


def png_header(width: int, height: int) -> bytes:
    """Make a PNG that claims a size and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"\0")) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
