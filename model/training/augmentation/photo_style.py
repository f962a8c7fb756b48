"""Fashion-MNIST's images made to look like what preprocessing leaves of a photograph. Pure numpy: a seed says it all.

Preprocessing "fashion-mnist" cuts a garment out of its floor or bed and lets it fill the frame. Its outline is then
ragged, parts of it are missing where they looked like the floor, some floor has come along, and inside are folds,
light from a side, and a contrast that is lower or turned round. It lies askew, crumpled, its sleeves spread. Each image
gets some of that, drawn independently; docs/research/experiments.md tells what it was set beside.
"""

import numpy as np
import numpy.typing as npt

from model.training.augmentation.fields import Floats, Generator, blotches, sampled, slopes, some, uniform

Images = npt.NDArray[np.uint8]

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
DIMMED = 0.12  # share of images on an even ground, which is left in as a faint light
DARKEST = 40.0  # of 255: see Preprocessing


def imitated(images: Images, random: Generator, share: float) -> Images:
    """uint8[N, H, W, 1] -> the same shape; about `share` of the images are changed, the others are as they were."""
    chosen = np.flatnonzero(random.uniform(size=len(images)) < share)
    if not len(chosen):
        return images
    done = images.copy()
    done[chosen, ..., 0] = _photographed(images[chosen, ..., 0].astype(np.float32), random)
    return done


def _photographed(garments: Floats, random: Generator) -> Images:
    cover = covers(garments)
    y, x = laid(cover, random)
    outline = sampled(cover, y, x)
    cloth = sampled(cover * _without_rims(garments, cover), y, x) / outline.clip(0.1)
    seen = cut(outline, random)
    drawn = np.maximum(relit(cloth, outline, random), np.float32(DARKEST))
    ground = (1 - seen) * grounds(random, *seen.shape)
    done: Images = np.clip(seen * drawn + ground, 0, 255).astype(np.uint8)
    return done


def covers(garments: Floats) -> Floats:
    """float32[N, H, W], 1 where the garment is: all that is not black, and what that encloses on four sides."""
    there = garments > CLOTH
    either = np.logical_or.accumulate
    beside = either(there, 2) & either(there[:, :, ::-1], 2)[:, :, ::-1]
    within = beside & either(there, 1) & either(there[:, ::-1], 1)[:, ::-1]
    return (there | within).astype(np.float32)


def _without_rims(garments: Floats, cover: Floats) -> Floats:
    """The soft edge gets the level of the cloth beside it: it would shine if contrast were turned round."""
    lit = np.pad(garments, ((0, 0), (1, 1), (1, 1)))
    edge = np.pad(cover, ((0, 0), (1, 1), (1, 1)))
    around = [(slice(None, -2), slice(1, -1)), (slice(2, None), slice(1, -1))]
    around += [(columns, rows) for rows, columns in around]
    lightest = np.max([lit[:, rows, columns] for rows, columns in around], axis=0)
    inner = np.min([edge[:, rows, columns] for rows, columns in around], axis=0) > 0
    lifted: Floats = np.where(inner, garments, np.maximum(garments, lightest))
    return lifted


def laid(cover: Floats, random: Generator) -> tuple[Floats, Floats]:
    """Which row and column, float32[N, H, W] each, is seen at each pixel once the garment lies there.

    It is turned, then flared, then lifted at its sides, then stretched until it fills the frame; and crumpled.
    """
    count, height, width = cover.shape
    y, x = _centred(height, width)
    turn = np.clip(random.normal(0, TURN, (count, 1, 1)), -FURTHEST, FURTHEST).astype(np.float32)
    cos, sin = np.cos(turn), np.sin(turn)
    flare, lift = uniform(random, -FLARE, FLARE, count) / (height / 2), uniform(random, -LIFT, LIFT, count)
    stretch = np.exp(uniform(random, *STRETCH, count))
    turned_y, turned_x = cos * y + sin * x, cos * x - sin * y
    wide = turned_x * (1 + flare * turned_y) * stretch
    high = turned_y - lift * np.abs(wide)
    scale, middle_y, middle_x = _frame(cover, high, wide, uniform(random, *FILL, count))
    wide, high = x * scale + middle_x, y * scale + middle_y
    back_y = high + lift * np.abs(wide)
    back_x = wide / stretch / (1 + flare * back_y).clip(0.3)
    crumple = CRUMPLE * blotches(random, 2 * count, height, width, 6)
    from_y = cos * back_y - sin * back_x + crumple[:count] + (height - 1) / 2
    return from_y, sin * back_y + cos * back_x + crumple[count:] + (width - 1) / 2


def _centred(height: int, width: int) -> tuple[Floats, Floats]:
    rows, columns = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    return rows[None, :, None].astype(np.float32), columns[None, None].astype(np.float32)


def _frame(cover: Floats, y: Floats, x: Floats, fill: Floats) -> tuple[Floats, Floats, Floats]:
    """Pixels of the garment for a pixel of the frame, and the garment's middle: float32[N, 1, 1] each."""
    far = np.float32(1e3) * (1 - cover)
    low_y, low_x = ((at + far).min((1, 2), keepdims=True) for at in (y, x))
    high_y, high_x = ((at - far).max((1, 2), keepdims=True) for at in (y, x))
    longest = np.maximum(high_y - low_y, high_x - low_x).clip(1) + 1
    return longest / (fill * cover.shape[1]), (low_y + high_y) / 2, (low_x + high_x) / 2


def cut(outline: Floats, random: Generator) -> Floats:
    """float32[N, H, W] from 0 to 1: the outline as colours tell it, ragged, with parts missing or too many."""
    count, height, width = outline.shape
    torn = some(random, TORN, count) * (blotches(random, count, height, width, 4) > 1.2)
    speckled = some(random, SPECKLED, count) * (blotches(random, count, height, width, 16) > 1)
    residue = some(random, RESIDUE, count) * (blotches(random, count, height, width, 4) > 1.3)
    ragged = uniform(random, 0, RAGGED, count) * blotches(random, count, height, width, 14)
    edge = 4 * outline * (1 - outline)
    whole = np.clip(2 * (np.maximum(outline, residue) + ragged * edge) - 0.5, 0, 1)
    found: Floats = whole * (1 - np.maximum(torn, speckled))
    return found


def relit(cloth: Floats, outline: Floats, random: Generator) -> Floats:
    """float32[N, H, W]: lower contrast, even turned round, another level, folds, light that falls off to a side."""
    count, height, width = cloth.shape
    mean = (cloth * outline).sum((1, 2), keepdims=True) / outline.sum((1, 2), keepdims=True).clip(1)
    level = np.where(some(random, 0.4, count) > 0, mean, uniform(random, 60, 225, count))
    contrast = uniform(random, 0.25, 1.15, count) * (1 - 2 * some(random, 0.15, count))
    folds = uniform(random, 0, 18, count) * blotches(random, count, height, width, 7)
    light = 1 + 0.2 * slopes(random, count, height, width)
    lit: Floats = (level + contrast * (cloth - mean) + folds) * light
    return lit


def grounds(random: Generator, count: int, height: int, width: int) -> Floats:
    """float32[N, H, W]: black, but for some that keep a little of an even ground's light."""
    strength = some(random, DIMMED, count) * uniform(random, 0, 40, count)
    light = 0.5 + 0.5 * slopes(random, count, height, width) + 0.2 * blotches(random, count, height, width, 7)
    return (strength * light).clip(0)
