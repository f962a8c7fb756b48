"""Random changes to training images that keep their category, in pure numpy, so that a seed determines all."""

import numpy as np
import numpy.typing as npt

from model.training.augmentation.photo_style import restyle
from model.training.augmentation.photographs import augment_photographs
from model.training.recipe import Recipe

Images = npt.NDArray[np.uint8]


def augment(images: Images, random: np.random.Generator, recipe: Recipe) -> Images:
    """Shift, mirror, restyle and partly erase images uint8[N, H, W, 1] by the recipe; the shape stays.

    For photographs uint8[N, H, W, 3], see model.training.augmentation.photographs. Random erasing: Zhong et al. 2017,
    arXiv:1708.04896.
    """
    if images.shape[-1] == 3:
        photographs = augment_photographs(images, random, recipe)
        return erase(photographs, random, recipe.erase, recipe.erase_area) if recipe.erase else photographs
    shifted = shift(images, random, recipe.shift)
    mirrored = mirror(shifted, random) if recipe.mirror else shifted
    styled = restyle(mirrored, random, recipe.imitate)
    return erase(styled, random, recipe.erase, recipe.erase_area)


def shift(images: Images, random: np.random.Generator, pixels: int) -> Images:
    """Move each image by -pixels..pixels in both directions; what comes in is black, as the background is."""
    height, width = images.shape[1:3]
    padded = np.pad(images[..., 0], ((0, 0), (pixels, pixels), (pixels, pixels)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    y, x = random.integers(0, 2 * pixels + 1, (2, len(images)))
    shifted: Images = windows[np.arange(len(images)), y, x][..., None]
    return shifted


def mirror(images: Images, random: np.random.Generator) -> Images:
    """Swap left and right of each image with probability 1/2."""
    flip = random.uniform(size=(len(images), 1, 1, 1)) < 0.5
    return np.where(flip, images[:, :, ::-1], images)


def mixup(
    images: Images, random: np.random.Generator, parameter: float
) -> tuple[Images, npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Lay another image of the batch over each (mixup: Zhang et al. 2017, arXiv:1710.09412).

    Returns the images, the indices of the others, and the share float32[1] of the first ones, at least half. With a
    parameter of 0 nothing is mixed.
    """
    if not parameter:
        return images, np.arange(len(images)), np.ones(1, np.float32)
    drawn, partners = random.beta(parameter, parameter), random.permutation(len(images))
    share = np.float32(max(drawn, 1 - drawn))
    mixed = share * images  # uint8 by a float32 is a float32
    mixed += (1 - share) * images[partners]
    return np.rint(mixed, out=mixed).astype(np.uint8), partners, np.full(1, share)


def erase(images: Images, random: np.random.Generator, probability: float, largest: float) -> Images:
    """Fill a rectangle with noise in a share of the images: 2 % to `largest` of the area, sides at most 1:3."""
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
    places = np.arange(size)
    return (places >= start[:, None]) & (places < (start + length)[:, None])
