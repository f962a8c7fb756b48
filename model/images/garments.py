"""One garment, light on black: the recipe "fashion-mnist".

It follows the steps of the Fashion-MNIST paper (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747, §2): trim, longest edge
to 28, extend to 28×28, garment light on black, grey. What differs was measured (docs/research/experiments.md): the
ground's level is taken from the image's border instead of assumed white, the resize is antialiased (an area average),
nothing is sharpened. Since version 2, where the ground is not even, as floors and beds are, the garment is told from
it by colour (model.images.foreground), and all else becomes black.
"""

import functools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.images.foreground import Mask, Separation, garment

Box = tuple[int, int, int, int]  # left, top, right, bottom
Parameters = Mapping[str, float]
DARK = 64  # of 255
ROWS = 512  # looked at at once
PREPARED_SHARE = 0.25  # of the border is dark in each of Fashion-MNIST's 70,000 images


def light_on_black(image: Image.Image, size: int, parameters: Parameters, *, version: int) -> Image.Image:
    """Turn an RGB image into a grey one of size×size; one that is as in Fashion-MNIST already stays as it is."""
    grey = image.convert("L")
    border = _border(grey)
    if grey.size == (size, size) and _is_prepared(border):
        return grey
    if version == 1:
        return _by_difference(grey, int(border[len(border) // 2]), size, parameters)
    ground, share = _commonest(border, int(parameters["even_level"]))
    even = share >= parameters["even_share"]
    return _by_difference(grey, ground, size, parameters) if even else _by_colour(image, size, parameters)


def _by_difference(grey: Image.Image, ground: int, size: int, parameters: Parameters) -> Image.Image:
    """Take for the garment what has another level than its ground."""
    lifted = grey.point(_differences(ground))
    box = _box_above(lifted, parameters["trim_level"])
    return _centred(lifted, box, size, parameters)


def _box_above(lifted: Image.Image, level: float) -> Box:
    """Return the box around all pixels above a level, or the whole; strip by strip, as it may be large."""
    width, height = lifted.size
    boxes = []
    for top in range(0, height, ROWS):
        strip = lifted.crop((0, top, width, min(top + ROWS, height)))
        if box := strip.point(_above(level)).getbbox():
            boxes.append((box[0], box[1] + top, box[2], box[3] + top))
    if not boxes:
        return 0, 0, width, height
    left, right = min(box[0] for box in boxes), max(box[2] for box in boxes)
    return left, boxes[0][1], right, boxes[-1][3]


def _by_colour(image: Image.Image, size: int, parameters: Parameters) -> Image.Image:
    """Take for the garment what has other colours than its ground; dark cloth becomes light, as in the paper."""
    scale = parameters["edge"] / max(image.size)
    small = image.resize((_scaled(image.width, scale), _scaled(image.height, scale)), Image.Resampling.BOX)
    settings = Separation(
        int(parameters["bins"]), int(parameters["turns"]), int(parameters["steps"]), parameters["tie"]
    )
    mask = _as_image(garment(small, settings))
    cut = Image.composite(small.convert("L").point(_inverted(parameters["darkest"])), _black(small.size), mask)
    return _centred(cut, mask.getbbox() or (0, 0, *small.size), size, parameters)


def _centred(lifted: Image.Image, box: Box, size: int, parameters: Parameters) -> Image.Image:
    """Put what is in the box into the middle of a black square, as large as it goes."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = (size - 2 * parameters.get("margin", 0)) / max(width, height)
    fitted = (_scaled(width, scale), _scaled(height, scale))
    small = lifted.resize(fitted, Image.Resampling.BOX, box=box)
    canvas = _black((size, size))
    canvas.paste(small, ((size - fitted[0]) // 2, (size - fitted[1]) // 2))
    return canvas


def _scaled(edge: int, scale: float) -> int:
    return max(1, round(edge * scale))


def _black(size: tuple[int, int]) -> Image.Image:
    return Image.new("L", size)


def _as_image(mask: Mask) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * 255)


def _is_prepared(border: npt.NDArray[np.uint8]) -> bool:
    """Tell by its sorted border whether an image is light on black already, as Fashion-MNIST's are."""
    return int(border[int(PREPARED_SHARE * len(border))]) < DARK


def _border(grey: Image.Image) -> npt.NDArray[np.uint8]:
    """Return the outermost pixels, sorted by level."""
    right, bottom = grey.size
    edges = ((0, 0, right, 1), (0, bottom - 1, right, bottom), (0, 1, 1, bottom - 1), (right - 1, 1, right, bottom - 1))
    border = np.concatenate([np.asarray(grey.crop(edge)).ravel() for edge in edges if edge[1] < edge[3]])
    border.sort()
    return border


def _commonest(border: npt.NDArray[np.uint8], near: int) -> tuple[int, float]:
    """Return the level that most of the sorted border lies around, by up to `near`, and the share that does."""
    counts = np.convolve(np.bincount(border, minlength=256), np.ones(2 * near + 1), "same")
    middle = int(counts.argmax())
    around = border[(border >= middle - near) & (border <= middle + near)]
    return int(around[len(around) // 2]), len(around) / len(border)


@functools.cache
def _inverted(darkest: float) -> list[int]:
    """Make a table for Image.point: white becomes `darkest`, black becomes 255."""
    return [round(darkest + (255 - level) * (255 - darkest) / 255) for level in range(256)]


@functools.cache
def _differences(ground: int) -> list[int]:
    """Make a table for Image.point: each level's distance from the ground's."""
    return [abs(level - ground) for level in range(256)]


@functools.cache
def _above(least: float) -> list[int]:
    """Make a table for Image.point: 255 for each level above `least`, else 0."""
    return [255 if level > least else 0 for level in range(256)]
