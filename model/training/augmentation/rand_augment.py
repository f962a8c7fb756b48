"""RandAugment: a few operations on each photograph, drawn at random from a list, all equally strong.

Cubuk et al. 2019, arXiv:1909.13719, table 6; crops, turns and light are in model.training.augmentation.photographs. A
recipe's `distort` is the number of operations.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Images = npt.NDArray[np.uint8]
Operation = Callable[[Image.Image, float], Image.Image]


def rand_augment(images: Images, random: np.random.Generator, count: int, strength: float) -> Images:
    """Apply `count` operations to each of uint8[N, H, W, 3], from 0 (hardly visible) to 1 strong."""
    chosen = random.integers(len(OPERATIONS), size=(len(images), count))
    strengths = np.where(random.uniform(size=chosen.shape) < 0.5, -1, 1) * strength
    augmented = [_apply(*arguments) for arguments in zip(images, chosen, strengths, strict=True)]
    return np.stack(augmented) if augmented else images


def _apply(image: Images, chosen: npt.NDArray[np.int64], strengths: npt.NDArray[np.float64]) -> Images:
    picture = Image.fromarray(image)
    for index, strength in zip(chosen, strengths, strict=True):
        picture = OPERATIONS[index](picture, float(strength))
    return np.asarray(picture)


def transform(picture: Image.Image, size: tuple[int, int], coefficients: Sequence[float]) -> Image.Image:
    """Transform a picture to `size`, by the six numbers of Image.transform: from a place in the result to one in it.

    What is outside gets the colour of the picture's corner, which is its background most often.
    """
    return picture.transform(
        size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR, fillcolor=picture.getpixel((0, 0))
    )


def shear_across(picture: Image.Image, strength: float) -> Image.Image:
    """Shear by at most 0.3 of the height, around the middle row."""
    return transform(picture, picture.size, (1, 0.3 * strength, -0.15 * strength * picture.height, 0, 1, 0))


def shear_down(picture: Image.Image, strength: float) -> Image.Image:
    """Shear by at most 0.3 of the width, around the middle column."""
    return transform(picture, picture.size, (1, 0, 0, 0.3 * strength, 1, -0.15 * strength * picture.width))


def shift_across(picture: Image.Image, strength: float) -> Image.Image:
    """Shift by at most 0.3 of the width."""
    return transform(picture, picture.size, (1, 0, 0.3 * strength * picture.width, 0, 1, 0))


def shift_down(picture: Image.Image, strength: float) -> Image.Image:
    """Shift by at most 0.3 of the height."""
    return transform(picture, picture.size, (1, 0, 0, 0, 1, 0.3 * strength * picture.height))


def sharpen(picture: Image.Image, strength: float) -> Image.Image:
    """Sharpen or, below 0, soften."""
    return ImageEnhance.Sharpness(picture).enhance(1 + 0.9 * strength)


def blur(picture: Image.Image, strength: float) -> Image.Image:
    """Blur as a lens out of focus, by at most a hundredth of the width."""
    return picture.filter(ImageFilter.GaussianBlur(abs(strength) * picture.width / 100))


def posterize(picture: Image.Image, strength: float) -> Image.Image:
    """Keep 8 to 4 bits of each channel."""
    return ImageOps.posterize(picture, 8 - round(4 * abs(strength)))


def solarize(picture: Image.Image, strength: float) -> Image.Image:
    """Invert the brightest tones: from 255 on, at most from 128."""
    return ImageOps.solarize(picture, 255 - round(127 * abs(strength)))


def stretch(picture: Image.Image, strength: float) -> Image.Image:
    """Stretch each channel towards the full range of tones, which takes a coloured light away."""
    return Image.blend(picture, ImageOps.autocontrast(picture), abs(strength))


def equalize(picture: Image.Image, strength: float) -> Image.Image:
    """Make all tones more equally frequent."""
    return Image.blend(picture, ImageOps.equalize(picture), abs(strength))


def tint(picture: Image.Image, strength: float) -> Image.Image:
    """Change the light to a warm one, or below 0 to a cold one: red and blue by at most 0.3."""
    red, green, blue = picture.split()
    warmer, colder = (
        band.point([round(min(255, tone * factor)) for tone in range(256)])
        for band, factor in ((red, 1 + 0.3 * strength), (blue, 1 - 0.3 * strength))
    )
    return Image.merge("RGB", (warmer, green, colder))


OPERATIONS: tuple[Operation, ...] = (
    shear_across,
    shear_down,
    shift_across,
    shift_down,
    sharpen,
    blur,
    posterize,
    solarize,
    stretch,
    equalize,
    tint,
)
