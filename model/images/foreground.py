"""A garment told from the floor, bed or wall behind it by their colours. Numpy alone, about a millisecond.

The idea is GrabCut's (Rother, Kolmogorov, Blake 2004, ACM Transactions on Graphics 23(3)): what both look like, and
which pixel belongs to which, are estimated in turns. Here colours are counted in a histogram instead of fitted with
Gaussians, and neighbours agree by a few mean-field steps (as in Krähenbühl, Koltun 2011, arXiv:1210.5644, but among
four neighbours) instead of a graph cut. docs/research/experiments.md has the numbers beside OpenCV's.
"""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

CHROMA = 2  # times: how much more a step of colour counts than one of brightness
SPREAD = 0.7  # bins: standard deviation of the kernel that smooths a histogram
FAINT = 1e-5  # share: what even a colour never seen may have
STEEP, MIDDLE = 4.0, 0.25  # of the guess by place: garments lie in the middle
PLACE = 0.15  # how much of that guess stays once colours are known
TRUST, SUREST = 1.5, 4.0  # in the log ratio of two histograms: a factor, and how much one pixel may say
CORE, FILLED = 5, 0.85  # a part of the garment holds a square of CORE pixels that is FILLED somewhere


@dataclass(frozen=True, slots=True)
class Separation:
    """How hard to try: bins of each channel, turns of estimating, mean-field steps in each, how much neighbours tie."""

    bins: int = 12
    turns: int = 3
    steps: int = 2
    tie: float = 0.5


def garment(image: Image.Image, how: Separation) -> Mask:
    """RGB of H×W, best some 64 pixels long -> bool[H, W]. All parts that are not slivers, so a pair of shoes is two."""
    colours, ties = _colours(image, how.bins), _ties(image, how.tie)
    place = _place(image.height, image.width)
    share = _probability(place)
    for _ in range(how.turns):
        evidence = _evidence(colours, share, how.bins) + PLACE * place
        for _ in range(how.steps):
            share = _probability(evidence + _neighbours(share, ties))
    return _without_slivers(share > 0.5)


@functools.cache
def _place(height: int, width: int) -> Floats:
    """Log odds float32[H, W] that a pixel shows the garment, by where it lies alone."""
    y, x = np.abs(np.linspace(-1, 1, height))[:, None], np.abs(np.linspace(-1, 1, width))
    return np.asarray(STEEP * (MIDDLE - y**3 - x**3), np.float32)


def _probability(odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32)


def _colours(image: Image.Image, bins: int) -> npt.NDArray[np.int64]:
    """The bin of each pixel, int64[H, W], in YCbCr."""
    channels = np.asarray(image.convert("YCbCr").point(_bins(bins)), dtype=np.float32)
    return (channels @ np.array([bins * bins, bins, 1], np.float32)).astype(np.int64)


@functools.cache
def _bins(bins: int) -> list[int]:
    """For Image.point on YCbCr: the bin of each level in each channel."""
    levels = np.arange(256)
    chroma = ((levels - 128) * CHROMA + 128).clip(0, 255)
    return [int(level) * bins >> 8 for level in (*levels, *chroma, *chroma)]


def _evidence(colours: npt.NDArray[np.int64], share: Floats, bins: int) -> Floats:
    """Log odds float32[H, W] that a pixel shows the garment, by its colour alone, as colours are shared out now."""
    flat = colours.ravel()
    inside = np.bincount(flat, share.ravel(), bins**3).astype(np.float32)
    outside = np.bincount(flat, minlength=bins**3).astype(np.float32) - inside
    ratio = np.log(_smooth(inside, bins)) - np.log(_smooth(outside, bins))
    found: Floats = np.clip(np.float32(TRUST) * ratio, -SUREST, SUREST)[colours]
    return found


def _smooth(counts: Floats, bins: int) -> Floats:
    """A histogram as shares, each bin spread over its neighbours in all three channels."""
    kernel = _kernel(bins)
    spread = (kernel @ counts.reshape(bins, -1)).reshape(bins, bins, bins)
    spread = (kernel @ spread) @ kernel.T
    shares: Floats = spread.ravel() / (counts.sum() + 1) + np.float32(FAINT)
    return shares


@functools.cache
def _kernel(bins: int) -> Floats:
    at = np.arange(bins)
    bell = np.exp(-0.5 * ((at[:, None] - at) / SPREAD) ** 2)
    return np.asarray(bell / bell.sum(0), np.float32)


def _ties(image: Image.Image, tie: float) -> tuple[Floats, Floats]:
    """How much a pixel wants to be as the one below it, float32[H - 1, W], and to its right, float32[H, W - 1]."""
    pixels = np.moveaxis(np.asarray(image), 2, 0).astype(np.float32, order="C")
    down = np.square(pixels[:, 1:] - pixels[:, :-1]).sum(0)
    right = np.square(pixels[:, :, 1:] - pixels[:, :, :-1]).sum(0)
    usual = (down.sum() + right.sum()) / (down.size + right.size + 1) + 1
    return np.float32(tie) * np.exp(-down / usual), np.float32(tie) * np.exp(-right / usual)


def _neighbours(share: Floats, ties: tuple[Floats, Floats]) -> Floats:
    """What a pixel's four neighbours say of it, in log odds."""
    says, (down, right) = 2 * share - 1, ties
    heard = np.zeros_like(says)
    heard[1:] += down * says[:-1]
    heard[:-1] += down * says[1:]
    heard[:, 1:] += right * says[:, :-1]
    heard[:, :-1] += right * says[:, 1:]
    return heard


def _without_slivers(mask: Mask) -> Mask:
    """The parts that are thick somewhere, whole; everything when no part is."""
    kept = mask & (_counted(mask) > FILLED * CORE * CORE)
    if not kept.any():
        return mask
    for _ in range(sum(mask.shape)):
        grown = _grown(kept) & mask
        if (grown == kept).all():
            break
        kept = grown
    return kept


def _counted(mask: Mask) -> npt.NDArray[np.int64]:
    """int64[H, W]: how many pixels of the square around each are set."""
    before, after = CORE // 2 + 1, CORE // 2
    total = np.pad(mask.astype(np.int64), ((before, after), (before, after))).cumsum(0).cumsum(1)
    inside: npt.NDArray[np.int64] = total[CORE:, CORE:] - total[:-CORE, CORE:]
    inside += total[:-CORE, :-CORE] - total[CORE:, :-CORE]
    return inside


def _grown(mask: Mask) -> Mask:
    """By one pixel in four directions."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown
