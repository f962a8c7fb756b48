"""Photo-style augmentation: Fashion-MNIST's images made to look like photographs after preprocessing.

Preprocessing "fashion-mnist" cuts a garment out of its floor or bed and lets it fill the frame. Its outline is then
ragged, parts that looked like the floor are missing, some of the floor is left, and inside are folds, light from a
side, and a contrast that is lower or inverted. It lies askew, crumpled, its sleeves spread. Each image gets some of
that, drawn independently in pure numpy, so that a seed determines all; docs/research/experiments.md compares.
"""

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Generator = np.random.Generator

CLOTH = 10.0  # of 255: what is lighter is garment
TURN, FURTHEST = np.deg2rad(10.0), np.deg2rad(25.0)  # standard deviation and limit
FLARE = 0.35  # how much wider the hem may become, and the shoulders narrower, or the other way round
LIFT = 0.25  # how far outer columns, sleeves, go up or down, in pixels a column
STRETCH = (-0.1, 0.45)  # of width against height, as a logarithm: what lies flat is wider than what hangs or is worn
CRUMPLE = 0.7  # pixels: standard deviation of folds in the outline
FILL = (0.92, 1.03)  # of the frame: the longest edge
RAGGED = 0.5  # how much noise may shift the soft edge, which goes from 0 to 1
TORN, SPECKLED = 0.08, 0.1  # shares of images with a part missing, and with many small ones
RESIDUE = 0.1  # share of images with some of the floor
DIMMED = 0.12  # share of images on an even background, of which a faint light is left
DARKEST = 40.0  # of 255: see model.images.preprocessing


def restyle(images: Images, random: Generator, share: float) -> Images:
    """Change about `share` of the images uint8[N, H, W, 1]; the shape stays."""
    chosen = np.flatnonzero(random.uniform(size=len(images)) < share)
    if not len(chosen):
        return images
    changed = images.copy()
    changed[chosen, ..., 0] = _photographed(images[chosen, ..., 0].astype(np.float32), random)
    return changed


def _photographed(garments: Floats, random: Generator) -> Images:
    mask = masks(garments)
    y, x = _deform(mask, random)
    outline = _sample(mask, y, x)
    cloth = _sample(mask * _without_rims(garments, mask), y, x) / outline.clip(0.1)
    visible = _cut_out(outline, random)
    lit = np.maximum(_relight(cloth, outline, random), np.float32(DARKEST))
    background = (1 - visible) * _backgrounds(random, *visible.shape)
    return np.clip(visible * lit + background, 0, 255).astype(np.uint8)


def masks(garments: Floats) -> Floats:
    """Mark the garment with 1 in float32[N, H, W]: all that is not black, and what that encloses on four sides."""
    cloth = garments > CLOTH
    either = np.logical_or.accumulate
    beside = either(cloth, 2) & either(cloth[:, :, ::-1], 2)[:, :, ::-1]
    within = beside & either(cloth, 1) & either(cloth[:, ::-1], 1)[:, ::-1]
    return (cloth | within).astype(np.float32)


def _without_rims(garments: Floats, mask: Floats) -> Floats:
    """Give the soft edge the level of the cloth beside it: it would shine if contrast were inverted."""
    lit = np.pad(garments, ((0, 0), (1, 1), (1, 1)))
    edge = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    around = [(slice(None, -2), slice(1, -1)), (slice(2, None), slice(1, -1))]
    around += [(columns, rows) for rows, columns in around]
    lightest = np.max([lit[:, rows, columns] for rows, columns in around], axis=0)
    inner = np.min([edge[:, rows, columns] for rows, columns in around], axis=0) > 0
    return np.where(inner, garments, np.maximum(garments, lightest))


def _deform(mask: Floats, random: Generator) -> tuple[Floats, Floats]:
    """Turn, flare, lift at the sides, stretch to fill the frame, and crumple.

    Returns the row and the column, float32[N, H, W] each, that is seen at each pixel.
    """
    count, height, width = mask.shape
    y, x = _centred(height, width)
    turn = np.clip(random.normal(0, TURN, (count, 1, 1)), -FURTHEST, FURTHEST).astype(np.float32)
    cos, sin = np.cos(turn), np.sin(turn)
    flare, lift = _uniform(random, -FLARE, FLARE, count) / (height / 2), _uniform(random, -LIFT, LIFT, count)
    stretch = np.exp(_uniform(random, *STRETCH, count))
    turned_y, turned_x = cos * y + sin * x, cos * x - sin * y
    wide = turned_x * (1 + flare * turned_y) * stretch
    high = turned_y - lift * np.abs(wide)
    scale, middle_y, middle_x = _frame(mask, high, wide, _uniform(random, *FILL, count))
    wide, high = x * scale + middle_x, y * scale + middle_y
    back_y = high + lift * np.abs(wide)
    back_x = wide / stretch / (1 + flare * back_y).clip(0.3)
    crumple = CRUMPLE * _smooth_noise(random, 2 * count, height, width, 6)
    from_y = cos * back_y - sin * back_x + crumple[:count] + (height - 1) / 2
    return from_y, sin * back_y + cos * back_x + crumple[count:] + (width - 1) / 2


def _centred(height: int, width: int) -> tuple[Floats, Floats]:
    rows, columns = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    return rows[None, :, None].astype(np.float32), columns[None, None].astype(np.float32)


def _frame(mask: Floats, y: Floats, x: Floats, fill: Floats) -> tuple[Floats, Floats, Floats]:
    """Measure pixels of the garment for a pixel of the frame, and the garment's middle: float32[N, 1, 1] each."""
    far = np.float32(1e3) * (1 - mask)
    low_y, low_x = ((axis + far).min((1, 2), keepdims=True) for axis in (y, x))
    high_y, high_x = ((axis - far).max((1, 2), keepdims=True) for axis in (y, x))
    longest = np.maximum(high_y - low_y, high_x - low_x).clip(1) + 1
    return longest / (fill * mask.shape[1]), (low_y + high_y) / 2, (low_x + high_x) / 2


def _cut_out(outline: Floats, random: Generator) -> Floats:
    """Cut as colours would: float32[N, H, W] from 0 to 1, ragged, with parts missing or too many."""
    count, height, width = outline.shape
    torn = _some(random, TORN, count) * (_smooth_noise(random, count, height, width, 4) > 1.2)
    speckled = _some(random, SPECKLED, count) * (_smooth_noise(random, count, height, width, 16) > 1)
    residue = _some(random, RESIDUE, count) * (_smooth_noise(random, count, height, width, 4) > 1.3)
    ragged = _uniform(random, 0, RAGGED, count) * _smooth_noise(random, count, height, width, 14)
    edge = 4 * outline * (1 - outline)
    whole = np.clip(2 * (np.maximum(outline, residue) + ragged * edge) - 0.5, 0, 1)
    visible: Floats = whole * (1 - np.maximum(torn, speckled))
    return visible


def _relight(cloth: Floats, outline: Floats, random: Generator) -> Floats:
    """Change level and contrast, which may be inverted, and add folds and light from a side: float32[N, H, W]."""
    count, height, width = cloth.shape
    mean = (cloth * outline).sum((1, 2), keepdims=True) / outline.sum((1, 2), keepdims=True).clip(1)
    level = np.where(_some(random, 0.4, count) > 0, mean, _uniform(random, 60, 225, count))
    contrast = _uniform(random, 0.25, 1.15, count) * (1 - 2 * _some(random, 0.15, count))
    folds = _uniform(random, 0, 18, count) * _smooth_noise(random, count, height, width, 7)
    light = 1 + 0.2 * _slopes(random, count, height, width)
    lit: Floats = (level + contrast * (cloth - mean) + folds) * light
    return lit


def _backgrounds(random: Generator, count: int, height: int, width: int) -> Floats:
    """Draw backgrounds float32[N, H, W]: black, but for some that keep a little of an even background's light."""
    strength = _some(random, DIMMED, count) * _uniform(random, 0, 40, count)
    light = 0.5 + 0.5 * _slopes(random, count, height, width) + 0.2 * _smooth_noise(random, count, height, width, 7)
    return (strength * light).clip(0)


# Noise fields


def _uniform(random: Generator, low: float, high: float, count: int) -> Floats:
    """Draw a number for each image: float32[N, 1, 1]."""
    return random.uniform(low, high, (count, 1, 1)).astype(np.float32)


def _some(random: Generator, share: float, count: int) -> Floats:
    """Draw 1 for about that share of the images, 0 for the others: float32[N, 1, 1]."""
    return np.asarray(random.uniform(size=(count, 1, 1)) < share, np.float32)


def _slopes(random: Generator, count: int, height: int, width: int) -> Floats:
    """Draw planes from -1 to 1, each in its own direction: float32[N, H, W]."""
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    direction = random.uniform(0, 2 * np.pi, (count, 1, 1))
    planes: npt.NDArray[np.float64] = (np.sin(direction) * y + np.cos(direction) * x) / np.sqrt(2)
    return planes.astype(np.float32)


def _smooth_noise(random: Generator, count: int, height: int, width: int, points: int) -> Floats:
    """Draw normal noise at points × points places, interpolated between them: float32[N, H, W]."""
    coarse = random.standard_normal((count, points, points), dtype=np.float32)
    field: Floats = np.matmul(_hats(height, points) @ coarse, _hats(width, points).T, dtype=np.float32)
    return field


def _sample(images: Floats, y: Floats, x: Floats) -> Floats:
    """Read float32[N, H, W] at rows `y` and columns `x`, float32[N, H, W]: bilinear; outside is black."""
    count, height, width = images.shape
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1))).reshape(-1)
    y, x = np.clip(y + 1, 0, height + 0.999), np.clip(x + 1, 0, width + 0.999)
    top, left = y.astype(np.int32), x.astype(np.int32)
    down, right = y - top, x - left
    first = (np.arange(count, dtype=np.int32) * (height + 2) * (width + 2))[:, None, None] + top * (width + 2) + left
    above = padded[first] * (1 - right) + padded[first + 1] * right
    below = padded[first + width + 2] * (1 - right) + padded[first + width + 3] * right
    values: Floats = above * (1 - down) + below * down
    return values


def _hats(count: int, points: int) -> Floats:
    """Weights float32[count, points] of linear interpolation between the points."""
    places = np.linspace(0, points - 1, count)
    return np.asarray(np.maximum(0, 1 - np.abs(places[:, None] - np.arange(points))), np.float32)
