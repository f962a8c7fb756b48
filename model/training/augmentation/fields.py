"""Random fields and sampling for images that are made up, for N of them at once. Pure numpy."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Generator = np.random.Generator


def uniform(random: Generator, low: float, high: float, count: int) -> Floats:
    """float32[N, 1, 1]: one number for each image."""
    return random.uniform(low, high, (count, 1, 1)).astype(np.float32)


def some(random: Generator, share: float, count: int) -> Floats:
    """float32[N, 1, 1]: 1 for about that share of the images, 0 for the others."""
    return np.asarray(random.uniform(size=(count, 1, 1)) < share, np.float32)


def slopes(random: Generator, count: int, height: int, width: int) -> Floats:
    """float32[N, H, W]: planes from -1 to 1, each in its own direction."""
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    way = random.uniform(0, 2 * np.pi, (count, 1, 1))
    planes: npt.NDArray[np.float64] = (np.sin(way) * y + np.cos(way) * x) / np.sqrt(2)
    return planes.astype(np.float32)


def blotches(random: Generator, count: int, height: int, width: int, points: int) -> Floats:
    """float32[N, H, W]: normal noise at points × points places, made smooth between them."""
    coarse = random.standard_normal((count, points, points), dtype=np.float32)
    field: Floats = np.matmul(_hats(height, points) @ coarse, _hats(width, points).T, dtype=np.float32)
    return field


def sampled(images: Floats, y: Floats, x: Floats) -> Floats:
    """float32[N, H, W] at rows `y` and columns `x`, float32[N, H, W]: bilinear; outside lies black."""
    count, height, width = images.shape
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1))).reshape(-1)
    y, x = np.clip(y + 1, 0, height + 0.999), np.clip(x + 1, 0, width + 0.999)
    top, left = y.astype(np.int32), x.astype(np.int32)
    down, right = y - top, x - left
    first = (np.arange(count, dtype=np.int32) * (height + 2) * (width + 2))[:, None, None] + top * (width + 2) + left
    above = padded[first] * (1 - right) + padded[first + 1] * right
    below = padded[first + width + 2] * (1 - right) + padded[first + width + 3] * right
    found: Floats = above * (1 - down) + below * down
    return found


def _hats(count: int, points: int) -> Floats:
    """Weights float32[count, points] for linear interpolation between the points."""
    at = np.linspace(0, points - 1, count)
    return np.asarray(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(points))), np.float32)
