"""Fashion-MNIST's images made to look like what preprocessing leaves of a photograph. Pure numpy: a seed says it all.

A catalogue's photograph has a ground that is not black everywhere, folds and light that are not the garment's, prints
whose contrast is turned round, shoes in pairs, a garment that lies askew or runs out of the picture. Each image gets
some of that, drawn independently, the way Preprocessing "fashion-mnist" would show it.
"""

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

TURN = np.deg2rad(15.0)
SCALE = (0.75, 1.15)
STRETCH = 0.15  # of width against height
MOVE = 2.0  # pixels
PAIRS = 0.15  # share of images that show the garment twice
GROUND = 90.0  # of 255: the brightest residue of a ground
GRAIN = 12.0  # of 255: standard deviation of fine noise, at most


def imitated(images: Images, random: np.random.Generator, share: float) -> Images:
    """uint8[N, H, W, 1] -> the same shape; about `share` of the images are changed, the others are as they were."""
    chosen = np.flatnonzero(random.uniform(size=len(images)) < share)
    if not len(chosen):
        return images
    done = images.copy()
    done[chosen, ..., 0] = _photographed(images[chosen, ..., 0].astype(np.float32), random)
    return done


def _photographed(garments: Floats, random: np.random.Generator) -> Images:
    placed = askew(paired(garments, random), random)
    cover = np.clip(placed / 24.0, 0.0, 1.0)  # of 255: below it is the soft edge
    ground = grounds(random, *placed.shape)
    seen = cover * relit(placed, random) + (1 - cover) * ground
    grain = random.uniform(0, GRAIN, (len(seen), 1, 1)) * random.standard_normal(seen.shape, dtype=np.float32)
    done: Images = np.clip(seen + grain, 0, 255).astype(np.uint8)
    return done


def paired(garments: Floats, random: np.random.Generator) -> Floats:
    """float32[N, H, W]: some show the garment twice, side by side or one above the other, the second one mirrored."""
    height, width = garments.shape[1:]
    done = garments.copy()
    kind = random.uniform(size=len(garments))
    for stacked, chosen in ((True, kind < PAIRS / 2), (False, (kind >= PAIRS / 2) & (kind < PAIRS))):
        one = garments[chosen]
        if stacked:
            half = one.reshape(len(one), height // 2, 2, width).mean(2)
            done[chosen] = np.concatenate([half, half[:, :, ::-1]], axis=1)
        else:
            half = one.reshape(len(one), height, width // 2, 2).mean(3)
            done[chosen] = np.concatenate([half, half[:, :, ::-1]], axis=2)
    return done


def askew(garments: Floats, random: np.random.Generator) -> Floats:
    """float32[N, H, W]: turned by up to 15 degrees, scaled, stretched and moved, by bilinear interpolation."""
    count, height, width = garments.shape
    turn = random.uniform(-TURN, TURN, count)
    scale = 1 / random.uniform(*SCALE, count)
    stretch = np.exp(random.uniform(-STRETCH, STRETCH, count)).astype(np.float32)[:, None, None]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    y, x = (rows - (height - 1) / 2)[None], (columns - (width - 1) / 2)[None]
    cos, sin = ((scale * f(turn)).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    moved = random.uniform(-MOVE, MOVE, (2, count, 1, 1)).astype(np.float32)
    from_y = (sin * x + cos * y) * stretch + (height - 1) / 2 + moved[0]
    from_x = (cos * x - sin * y) / stretch + (width - 1) / 2 + moved[1]
    return _sampled(garments, from_y, from_x)


def relit(garments: Floats, random: np.random.Generator) -> Floats:
    """float32[N, H, W]: other contrast inside, even turned round, another level, and light that falls off to a side."""
    count, height, width = garments.shape
    inside = garments > 24
    total = inside.sum((1, 2), keepdims=True).clip(1)
    mean = (garments * inside).sum((1, 2), keepdims=True) / total
    contrast = random.uniform(-0.8, 1.3, (count, 1, 1)).astype(np.float32)
    level = random.uniform(60, 230, (count, 1, 1)).astype(np.float32)
    keep = random.uniform(size=(count, 1, 1)) < 0.4
    level = np.where(keep, mean, level)
    contrast = np.where(keep, np.abs(contrast), contrast)
    lit: Floats = (level + contrast * (garments - mean)) * (1 + 0.3 * _slope(random, count, height, width))
    return lit


def grounds(random: np.random.Generator, count: int, height: int, width: int) -> Floats:
    """float32[N, H, W]: what is left of a ground: a level, a slope, blotches as of cloth or floor; half are black."""
    blotches = _blotches(random, count, height, width)
    slope = _slope(random, count, height, width)
    parts = random.uniform(0, 1, (3, count, 1, 1)).astype(np.float32)
    mix = parts[0] * 0.5 + parts[1] * np.maximum(slope, 0) * 0.5 + parts[2] * blotches
    strength = random.uniform(0, GROUND, (count, 1, 1)) * (random.uniform(size=(count, 1, 1)) < 0.5)
    ground: Floats = np.maximum(mix, 0) * strength.astype(np.float32)
    return ground


def _slope(random: np.random.Generator, count: int, height: int, width: int) -> Floats:
    """A plane from -1 to 1 in a random direction."""
    y, x = _line(-1, 1, height)[:, None], _line(-1, 1, width)
    way = random.uniform(0, 2 * np.pi, (count, 1, 1))
    plane: npt.NDArray[np.float64] = (np.sin(way) * y + np.cos(way) * x) / np.sqrt(2)
    return plane.astype(np.float32)


def _blotches(random: np.random.Generator, count: int, height: int, width: int) -> Floats:
    """Coarse noise, made smooth between its points."""
    coarse = random.standard_normal((count, 7, 7), dtype=np.float32)
    y, x = _line(0, 6, height), _line(0, 6, width)
    return (_hats(y) @ coarse @ _hats(x).T).astype(np.float32)


def _line(first: float, last: float, count: int) -> Floats:
    return np.linspace(first, last, count, dtype=np.float64).astype(np.float32)


def _hats(at: Floats) -> Floats:
    """Weights of seven points for linear interpolation at `at`."""
    weights: Floats = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(7, dtype=np.float32)))
    return weights


def _sampled(images: Floats, y: Floats, x: Floats) -> Floats:
    """Bilinear; outside lies black."""
    count, height, width = images.shape
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1))).reshape(-1)
    y, x = np.clip(y + 1, 0, height + 0.999), np.clip(x + 1, 0, width + 0.999)
    top, left = y.astype(np.int32), x.astype(np.int32)
    down, right = y - top, x - left
    first = (np.arange(count, dtype=np.int32) * (height + 2) * (width + 2))[:, None, None] + top * (width + 2) + left
    above = padded[first] * (1 - right) + padded[first + 1] * right
    below = padded[first + width + 2] * (1 - right) + padded[first + width + 3] * right
    sampled: Floats = above * (1 - down) + below * down
    return sampled
