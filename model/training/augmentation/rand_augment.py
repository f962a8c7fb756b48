"""Photographs through a few operations each, drawn at random from a list, all as strong: what a recipe calls `distort`.

RandAugment: Cubuk et al. 2019, arXiv:1909.13719, table 6; cut-outs, turns and light are `photograph_augmentation`'s.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Images = npt.NDArray[np.uint8]
Operation = Callable[[Image.Image, float], Image.Image]


def distorted(images: Images, random: np.random.Generator, count: int, strength: float) -> Images:
    """uint8[N, H, W, 3] -> the same shape: `count` operations on each, from 0 (hardly seen) to 1 strong."""
    chosen = random.integers(len(OPERATIONS), size=(len(images), count))
    signs = np.where(random.uniform(size=chosen.shape) < 0.5, -1, 1) * strength
    changed = [_through(*each) for each in zip(images, chosen, signs, strict=True)]
    return np.stack(changed) if changed else images


def _through(image: Images, chosen: npt.NDArray[np.int64], strengths: npt.NDArray[np.float64]) -> Images:
    picture = Image.fromarray(image)
    for at, strength in zip(chosen, strengths, strict=True):
        picture = OPERATIONS[at](picture, float(strength))
    return np.asarray(picture)


def moved(picture: Image.Image, size: tuple[int, int], coefficients: Sequence[float]) -> Image.Image:
    """A picture of `size`, by the six numbers of Image.transform: from a place in it to one in `picture`.

    What lies outside of `picture` gets the colour of its corner, which is its ground, most often.
    """
    return picture.transform(
        size,
        Image.Transform.AFFINE,
        coefficients,
        Image.Resampling.BILINEAR,
        fillcolor=picture.getpixel((0, 0)),
    )


def sheared_across(picture: Image.Image, strength: float) -> Image.Image:
    """By 0.3 of the height at most, around the middle row."""
    return moved(picture, picture.size, (1, 0.3 * strength, -0.15 * strength * picture.height, 0, 1, 0))


def sheared_down(picture: Image.Image, strength: float) -> Image.Image:
    """By 0.3 of the width at most, around the middle column."""
    return moved(picture, picture.size, (1, 0, 0, 0.3 * strength, 1, -0.15 * strength * picture.width))


def shifted_across(picture: Image.Image, strength: float) -> Image.Image:
    """By 0.3 of the width at most."""
    return moved(picture, picture.size, (1, 0, 0.3 * strength * picture.width, 0, 1, 0))


def shifted_down(picture: Image.Image, strength: float) -> Image.Image:
    """By 0.3 of the height at most."""
    return moved(picture, picture.size, (1, 0, 0, 0, 1, 0.3 * strength * picture.height))


def sharpened(picture: Image.Image, strength: float) -> Image.Image:
    """Or, below 0, softened."""
    return ImageEnhance.Sharpness(picture).enhance(1 + 0.9 * strength)


def blurred(picture: Image.Image, strength: float) -> Image.Image:
    """As by a lens out of focus, by a hundredth of the width at most."""
    return picture.filter(ImageFilter.GaussianBlur(abs(strength) * picture.width / 100))


def in_fewer_tones(picture: Image.Image, strength: float) -> Image.Image:
    """8 to 4 bits of each channel."""
    return ImageOps.posterize(picture, 8 - round(4 * abs(strength)))


def solarised(picture: Image.Image, strength: float) -> Image.Image:
    """The brightest tones inverted: from 255 on, at most from 128."""
    return ImageOps.solarize(picture, 255 - round(127 * abs(strength)))


def stretched(picture: Image.Image, strength: float) -> Image.Image:
    """Towards the full range of tones in each channel, which takes a coloured light away."""
    return Image.blend(picture, ImageOps.autocontrast(picture), abs(strength))


def evened_out(picture: Image.Image, strength: float) -> Image.Image:
    """Towards all tones being as frequent."""
    return Image.blend(picture, ImageOps.equalize(picture), abs(strength))


def tinted(picture: Image.Image, strength: float) -> Image.Image:
    """In a warm light, or below 0 in a cold one: red and blue by 0.3 at most."""
    red, green, blue = picture.split()
    warmer, colder = (
        band.point([round(min(255, tone * by)) for tone in range(256)])
        for band, by in ((red, 1 + 0.3 * strength), (blue, 1 - 0.3 * strength))
    )
    return Image.merge("RGB", (warmer, green, colder))


OPERATIONS: tuple[Operation, ...] = (
    sheared_across,
    sheared_down,
    shifted_across,
    shifted_down,
    sharpened,
    blurred,
    in_fewer_tones,
    solarised,
    stretched,
    evened_out,
    tinted,
)
