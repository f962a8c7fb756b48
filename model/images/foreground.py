"""Foreground segmentation: a garment told from the floor, bed or wall behind it by colour, in about a millisecond.

The idea is GrabCut's (Rother, Kolmogorov, Blake 2004, ACM Transactions on Graphics 23(3)): what both look like, and
which pixel belongs to which, are estimated in turns. Here colours are counted in a histogram instead of fitted with
Gaussians, and neighbours agree by a few mean-field steps (as in Krähenbühl, Koltun 2011, arXiv:1210.5644, but among
four neighbours) instead of a graph cut. docs/research/experiments.md compares it with OpenCV's.
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
    """Settings: bins a channel, turns of estimating, mean-field steps a turn, and how strongly neighbours tie."""

    bins: int = 12
    turns: int = 3
    steps: int = 2
    tie: float = 0.5


def garment(image: Image.Image, settings: Separation) -> Mask:
    """Find the garment in RGB of H×W, best some 64 pixels long: bool[H, W], all parts that are not slivers."""
    colours, ties = _colours(image, settings.bins), _ties(image, settings.tie)
    place = _place(image.height, image.width)
    share = _probability(place)
    for _ in range(settings.turns):
        evidence = _evidence(colours, share, settings.bins) + PLACE * place
        for _ in range(settings.steps):
            share = _probability(evidence + _neighbours(share, ties))
    return _without_slivers(share > 0.5)


@functools.cache
def _place(height: int, width: int) -> Floats:
    """Return the log odds float32[H, W] that a pixel shows the garment, by its place alone."""
    y, x = np.abs(np.linspace(-1, 1, height))[:, None], np.abs(np.linspace(-1, 1, width))
    return np.asarray(STEEP * (MIDDLE - y**3 - x**3), np.float32)


def _probability(odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32)


def _colours(image: Image.Image, bins: int) -> npt.NDArray[np.int64]:
    """Return the bin of each pixel, int64[H, W], in YCbCr."""
    channels = np.asarray(image.convert("YCbCr").point(_bins(bins)), dtype=np.float32)
    return (channels @ np.array([bins * bins, bins, 1], np.float32)).astype(np.int64)


@functools.cache
def _bins(bins: int) -> list[int]:
    """Make the table for Image.point on YCbCr: the bin of each level in each channel."""
    levels = np.arange(256)
    chroma = ((levels - 128) * CHROMA + 128).clip(0, 255)
    return [int(level) * bins >> 8 for level in (*levels, *chroma, *chroma)]


def _evidence(colours: npt.NDArray[np.int64], share: Floats, bins: int) -> Floats:
    """Return the log odds float32[H, W] that a pixel shows the garment, by its colour and the present estimate."""
    flat = colours.ravel()
    inside = np.bincount(flat, share.ravel(), bins**3).astype(np.float32)
    outside = np.bincount(flat, minlength=bins**3).astype(np.float32) - inside
    ratio = np.log(_smooth(inside, bins)) - np.log(_smooth(outside, bins))
    odds: Floats = np.clip(np.float32(TRUST) * ratio, -SUREST, SUREST)[colours]
    return odds


def _smooth(counts: Floats, bins: int) -> Floats:
    """Turn a histogram into shares, each bin spread over its neighbours in all three channels."""
    kernel = _kernel(bins)
    spread = (kernel @ counts.reshape(bins, -1)).reshape(bins, bins, bins)
    spread = (kernel @ spread) @ kernel.T
    shares: Floats = spread.ravel() / (counts.sum() + 1) + np.float32(FAINT)
    return shares


@functools.cache
def _kernel(bins: int) -> Floats:
    index = np.arange(bins)
    bell = np.exp(-0.5 * ((index[:, None] - index) / SPREAD) ** 2)
    return np.asarray(bell / bell.sum(0), np.float32)


def _ties(image: Image.Image, tie: float) -> tuple[Floats, Floats]:
    """Return how strongly a pixel ties to the one below it, float32[H - 1, W], and to its right, float32[H, W - 1]."""
    pixels = np.moveaxis(np.asarray(image), 2, 0).astype(np.float32, order="C")
    down = np.square(pixels[:, 1:] - pixels[:, :-1]).sum(0)
    right = np.square(pixels[:, :, 1:] - pixels[:, :, :-1]).sum(0)
    usual = (down.sum() + right.sum()) / (down.size + right.size + 1) + 1
    return np.float32(tie) * np.exp(-down / usual), np.float32(tie) * np.exp(-right / usual)


def _neighbours(share: Floats, ties: tuple[Floats, Floats]) -> Floats:
    """Return the log odds of each pixel by its four neighbours."""
    votes, (down, right) = 2 * share - 1, ties
    odds = np.zeros_like(votes)
    odds[1:] += down * votes[:-1]
    odds[:-1] += down * votes[1:]
    odds[:, 1:] += right * votes[:, :-1]
    odds[:, :-1] += right * votes[:, 1:]
    return odds


def _without_slivers(mask: Mask) -> Mask:
    """Keep the parts that are thick somewhere, whole; all of the mask when no part is."""
    thick = mask & (_counted(mask) > FILLED * CORE * CORE)
    if not thick.any():
        return mask
    for _ in range(sum(mask.shape)):
        grown = _grown(thick) & mask
        if (grown == thick).all():
            break
        thick = grown
    return thick


def _counted(mask: Mask) -> npt.NDArray[np.int64]:
    """Count the set pixels in the square around each pixel, int64[H, W]."""
    before, after = CORE // 2 + 1, CORE // 2
    total = np.pad(mask.astype(np.int64), ((before, after), (before, after))).cumsum(0).cumsum(1)
    inside: npt.NDArray[np.int64] = total[CORE:, CORE:] - total[:-CORE, CORE:]
    inside += total[:-CORE, :-CORE] - total[CORE:, :-CORE]
    return inside


def _grown(mask: Mask) -> Mask:
    """Grow a mask by one pixel in four directions."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown
