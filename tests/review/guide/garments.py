"""Drawn product photographs for the guide's pictures: a garment with folds and a shadow on a light ground."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Points = list[tuple[float, float]]
WIDTH, HEIGHT = 480, 640
_TWICE = 2
"""Outlines are drawn so many times as large, so that they are smooth."""
_COLOURS = ((58, 84, 122), (150, 62, 58), (72, 112, 88), (196, 158, 92), (92, 84, 108), (60, 62, 68), (186, 120, 128))
_SLEEVES: dict[str, Points] = {
    "short": [(0.34, 0.17), (0.12, 0.30), (0.20, 0.42), (0.30, 0.36)],
    "long": [(0.34, 0.17), (0.17, 0.28), (0.10, 0.78), (0.20, 0.80), (0.30, 0.42)],
}
_HALVES: dict[str, Points] = {
    "T-shirt/top": [(0.42, 0.15), *_SLEEVES["short"], (0.30, 0.86)],
    "Shirt": [(0.44, 0.13), *_SLEEVES["long"], (0.30, 0.88)],
    "Pullover": [(0.42, 0.15), *_SLEEVES["long"], (0.29, 0.80)],
    "Coat": [(0.42, 0.10), *_SLEEVES["long"], (0.24, 0.94)],
    "Dress": [(0.40, 0.10), (0.36, 0.10), (0.33, 0.24), (0.38, 0.42), (0.20, 0.93)],
    "Trouser": [(0.34, 0.08), (0.29, 0.94), (0.44, 0.94), (0.49, 0.34)],
}
_WHOLE: dict[str, Points] = {
    "Bag": [(0.16, 0.42), (0.84, 0.42), (0.90, 0.86), (0.10, 0.86)],
    "Sneaker": [(0.08, 0.66), (0.12, 0.50), (0.34, 0.50), (0.60, 0.62), (0.88, 0.66), (0.92, 0.74), (0.08, 0.74)],
    "Ankle boot": [(0.22, 0.28), (0.50, 0.28), (0.52, 0.56), (0.86, 0.66), (0.88, 0.76), (0.22, 0.76)],
}


class Garment(NamedTuple):
    """What is drawn: what it is, and a number that says which one and, in its last digit, from where it is seen."""

    kind: str
    number: int


def write(garment: Garment, path: Path) -> None:
    """Write a garment as a JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn(garment).save(path, "JPEG", quality=90)


def drawn(garment: Garment) -> Image.Image:
    """Draw a garment; those of one number but for its last digit have one colour."""
    product, view = divmod(garment.number, 10)
    rng = np.random.default_rng(garment.number)
    mask = _mask(garment.kind, scale=1 - 0.08 * (view % 3), turned=(view % 4 - 1) * 4 + float(rng.uniform(-2, 2)))
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    ground = (246 - 12 * rows / HEIGHT)[..., None] * np.float32([1.0, 0.995, 0.985])
    shadow = np.asarray(mask.filter(ImageFilter.GaussianBlur(14)), np.float32)[..., None] / 255
    shade = np.asarray(mask, np.float32)[..., None] / 255
    below = ground - 46 * np.roll(shadow, (10, 6), (0, 1))
    pixels = below * (1 - shade) + _cloth(product, rows, columns) * shade
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _mask(kind: str, *, scale: float, turned: float) -> Image.Image:
    width, height = WIDTH * _TWICE, HEIGHT * _TWICE
    mask = Image.new("L", (width, height))
    pen = ImageDraw.Draw(mask)
    pen.polygon([(x * width, y * height) for x, y in _outline(kind)], fill=255)
    if kind == "Bag":
        handle = (0.32 * width, 0.18 * height, 0.68 * width, 0.62 * height)
        pen.arc(handle, 180, 360, fill=255, width=width // 30)
    mask = mask.rotate(turned, Image.Resampling.BICUBIC)
    small = mask.resize((int(WIDTH * scale), int(HEIGHT * scale)), Image.Resampling.LANCZOS)
    whole = Image.new("L", (WIDTH, HEIGHT))
    whole.paste(small, ((WIDTH - small.width) // 2, (HEIGHT - small.height) // 2))
    return whole


def _outline(kind: str) -> Points:
    if kind in _WHOLE:
        return _WHOLE[kind]
    half = _HALVES[kind]
    return [*half, *((1 - x, y) for x, y in reversed(half))]


def _cloth(product: int, rows: npt.NDArray[np.float32], columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Colour a garment: plain, striped or checked, with folds."""
    colour = np.float32(_COLOURS[product % len(_COLOURS)])
    folds = 13 * np.sin(columns / 37 + rows / 120 + product) + 7 * np.sin(columns / 15 - rows / 80)
    pattern = product // len(_COLOURS) % 3
    stripes = np.where(rows % 44 < 16, 42.0, 0.0) if pattern else np.zeros_like(rows)
    checks = np.where(columns % 44 < 16, 30.0, 0.0) if pattern == 2 else np.zeros_like(columns)
    return (colour + (folds + stripes + checks)[..., None]).astype(np.float32)
