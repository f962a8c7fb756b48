"""Generated photographs for benchmarks: 600×800 JPEGs of about 74 kB, a textured garment on a light background."""

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 600, 800
QUALITY = 82
_KINDS = 50
_NOISE = 5.1
"""Standard deviation of the sensor noise in grey levels; it makes the files as large as real ones."""
_OUTLINES = (
    [(0.2, 0.2), (0.4, 0.15), (0.6, 0.15), (0.8, 0.2), (0.95, 0.45), (0.8, 0.5), (0.75, 0.9), (0.25, 0.9), (0.2, 0.5)],
    [(0.3, 0.1), (0.7, 0.1), (0.75, 0.9), (0.55, 0.9), (0.5, 0.35), (0.45, 0.9), (0.25, 0.9)],
    [(0.4, 0.1), (0.6, 0.1), (0.62, 0.4), (0.85, 0.92), (0.15, 0.92), (0.38, 0.4)],
    [(0.05, 0.6), (0.35, 0.45), (0.6, 0.3), (0.75, 0.35), (0.95, 0.7), (0.95, 0.78), (0.05, 0.78)],
    [(0.15, 0.4), (0.85, 0.4), (0.9, 0.85), (0.1, 0.85)],
)  # fmt: skip


def make(folder: Path, count: int) -> list[Path]:
    """Return `count` files `0000.jpg` … in `folder`, always the same; make those that are missing, on all cores."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}.jpg" for number in range(count)]
    missing = [path for path in paths if not path.exists()]
    if missing:
        with ProcessPoolExecutor() as pool:
            list(pool.map(_write, missing, chunksize=25))
    return paths


def _write(path: Path) -> None:
    """Write aside and rename, so that an interrupted run leaves no partial file."""
    aside = path.with_suffix(".part")
    Image.fromarray(picture(int(path.stem))).save(aside, "JPEG", quality=QUALITY)
    aside.rename(path)


def picture(seed: int) -> npt.NDArray[np.uint8]:
    """Draw the photograph of a seed: uint8[800, 600, 3]."""
    rng = np.random.default_rng(seed)
    mask = _garment(rng)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    ground = 244 - 10 * rows / HEIGHT + 4 * np.sin(columns / 180)
    pitch, angle = rng.uniform(3, 9), rng.uniform(0, np.pi)
    weave = 14 * np.sin((columns * np.cos(angle) + rows * np.sin(angle)) * 2 * np.pi / pitch)
    folds = 18 * np.sin(columns / rng.uniform(25, 60) + rows / rng.uniform(80, 200))
    colour = rng.uniform(40, 200, 3).astype(np.float32)
    cloth = colour + (weave + folds)[..., None]
    image = np.where(mask[..., None], cloth, ground[..., None])
    noise = rng.standard_normal((HEIGHT, WIDTH, 1), np.float32) * _NOISE
    pixels: npt.NDArray[np.uint8] = np.clip(image + noise, 0, 255).astype(np.uint8)
    return pixels


def _garment(rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw one of five outlines, shifted at random: bool[800, 600]."""
    outline = np.asarray(_OUTLINES[rng.integers(len(_OUTLINES))]) + rng.uniform(-0.03, 0.03, 2)
    mask = Image.new("1", (WIDTH, HEIGHT))
    ImageDraw.Draw(mask).polygon([(x * WIDTH, y * HEIGHT) for x, y in outline], fill=1)
    return np.asarray(mask, dtype=np.bool_)


def make_small(folder: Path, images: int) -> None:
    """Make a few small images, and links to them under as many names as are asked for."""
    folder.mkdir()
    for kind in range(_KINDS):
        Image.new("RGB", (64, 64), (4 * kind, 128, 255 - 4 * kind)).save(folder / f"{kind:06}.jpg")
    for number in range(_KINDS, images):
        os.link(folder / f"{number % _KINDS:06}.jpg", folder / f"{number:06}.jpg")
