"""Random changes to training images that leave their category as it was. Pure numpy, so that a seed says it all."""

import numpy as np
import numpy.typing as npt

from model.training.augmentation.photo_style import imitated
from model.training.augmentation.photographs import photographed_anew
from model.training.recipe import Recipe

Images = npt.NDArray[np.uint8]


def augment(images: Images, random: np.random.Generator, recipe: Recipe) -> Images:
    """uint8[N, H, W, 1] -> the same shape, by the recipe: shifted, mirrored, as on a photograph, partly erased.

    uint8[N, H, W, 3] are photographs: see model.training.augmentation.photographs.
    Random erasing: Zhong et al. 2017, arXiv:1708.04896.
    """
    if images.shape[-1] == 3:
        anew = photographed_anew(images, random, recipe)
        return erased(anew, random, recipe.erase, recipe.erase_area) if recipe.erase else anew
    moved = shifted(images, random, recipe.shift)
    turned = mirrored(moved, random) if recipe.mirror else moved
    seen = imitated(turned, random, recipe.imitate)
    return erased(seen, random, recipe.erase, recipe.erase_area)


def shifted(images: Images, random: np.random.Generator, shift: int) -> Images:
    """Each image moved by -shift..shift pixels in both directions; what comes in is black, as the background is."""
    height, width = images.shape[1:3]
    padded = np.pad(images[..., 0], ((0, 0), (shift, shift), (shift, shift)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    y, x = random.integers(0, 2 * shift + 1, (2, len(images)))
    moved: Images = windows[np.arange(len(images)), y, x][..., None]
    return moved


def mirrored(images: Images, random: np.random.Generator) -> Images:
    """Each image left-right mirrored with probability 1/2."""
    flip = random.uniform(size=(len(images), 1, 1, 1)) < 0.5
    return np.where(flip, images[:, :, ::-1], images)


def mixed_up(
    images: Images, random: np.random.Generator, parameter: float
) -> tuple[Images, npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Each image laid over another of the batch: the images, the indices of the others, and the share float32[1] that
    the first ones have, half at least (mixup: Zhang et al. 2017, arXiv:1710.09412). With 0 nothing is mixed.
    """
    if not parameter:
        return images, np.arange(len(images)), np.ones(1, np.float32)
    drawn, partners = random.beta(parameter, parameter), random.permutation(len(images))
    share = np.float32(max(drawn, 1 - drawn))
    mixed = share * images  # uint8 by a float32 is a float32
    mixed += (1 - share) * images[partners]
    return np.rint(mixed, out=mixed).astype(np.uint8), partners, np.full(1, share)


def erased(images: Images, random: np.random.Generator, probability: float, largest: float) -> Images:
    """A rectangle of 2 % to `largest` of the area, sides at most 1:3, filled with noise, in a share of the images."""
    count, height, width, _ = images.shape
    area = random.uniform(0.02, largest, count) * height * width
    aspect = np.exp(random.uniform(-np.log(3), np.log(3), count))
    inside = _within(random, np.sqrt(area * aspect), height)[:, :, None]
    inside = inside & _within(random, np.sqrt(area / aspect), width)[:, None, :]
    chosen = inside & (random.uniform(size=(count, 1, 1)) < probability)
    noise = random.integers(0, 256, images.shape, dtype=np.uint8)
    return np.where(chosen[..., None], noise, images)


def _within(random: np.random.Generator, length: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.bool_]:
    start = random.uniform(0, 1, len(length)) * np.maximum(size - length, 0)
    place = np.arange(size)
    return (place >= start[:, None]) & (place < (start + length)[:, None])
