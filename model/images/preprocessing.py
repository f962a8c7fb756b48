"""Photographs -> arrays for the network. One recipe, named and versioned in the bundle, for training and serving.

"fashion-mnist" follows the steps of the Fashion-MNIST paper (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747, §2): trim,
longest edge to 28, extend to 28×28, garment light on black, grey. What differs was measured (docs/research): the
ground's level is taken from the picture's border instead of assumed white, the resize is antialiased (an area
average), nothing is sharpened. Since version 2, where the ground is not even, as floors and beds are, the garment is
told from it by colour (model.images.foreground), and all else becomes black.

"photograph" keeps what a photograph shows, in colour, as a square: for backbones that were trained on such.
"""

import functools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from model import ModelError
from model.images.decoding import DEFAULT_LIMITS, DecodeLimits, decode, room_for_all
from model.images.foreground import Mask, Separation, garment
from model.images.pixel_budget import Reserve

Box = tuple[int, int, int, int]  # left, top, right, bottom
DARK = 64  # of 255
PREPARED_SHARE = 0.25  # of the border is dark in each of Fashion-MNIST's 70,000 images


class PreprocessingUnknown(ModelError):
    """A recipe of another name or version than this code has."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A recipe as it lies in a bundle. `parameters` are the recipe's own numbers."""

    name: str
    version: int
    size: int
    channels: int
    parameters: dict[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> tuple[str, int, int]:
        """What has to be known of it to run it."""
        return self.name, self.version, self.channels

    @property
    def min_edge(self) -> int:
        """Pixels the decoder has to leave of the shorter edge."""
        return int(self.parameters["min_edge"])

    @property
    def grey(self) -> bool:
        """Is brightness all that it looks at? Then the decoder may leave out the colours."""
        return self.channels == 1 and self.version == 1

    def as_json(self) -> dict[str, Any]:
        """For bundle.json."""
        return {
            "name": self.name,
            "version": self.version,
            "size": self.size,
            "channels": self.channels,
            "parameters": dict(self.parameters),
        }


VERSION_1 = Preprocessing("fashion-mnist", 1, 28, 1, {"min_edge": 64, "trim_level": 16})
_PARAMETERS = {
    "min_edge": 64,
    "trim_level": 16,
    "even_level": 4,  # of 255: so far may a pixel of an even ground lie from the ground's level
    "even_share": 0.4,  # of the border: where as many pixels lie so close, the ground is even
    "edge": 64,  # pixels: the longest edge while the garment is told from its ground
    "bins": 12,
    "turns": 3,
    "steps": 2,
    "tie": 0.5,
    "darkest": 40,  # of 255: what white cloth becomes, so that it is seen on black
    "margin": 0,  # pixels
}
FASHION_MNIST = Preprocessing("fashion-mnist", 2, 28, 1, _PARAMETERS)
"""What new bundles get."""
FITS = ("squash", "letterbox", "crop")
"""How a photograph becomes a square: by losing its shape, by ground around it, or by losing its ends."""
FIT = "squash"
"""Unless another is asked for: what the shipped bundle was trained with (docs/research/experiments.md)."""
PHOTOGRAPH = Preprocessing("photograph", 1, 160, 3, {"min_edge": 160, "fit": FITS.index("crop")})
"""The name, version and channels of it, of any size and fit. "letterbox" has its border's colour around it."""
KNOWN = (VERSION_1, FASHION_MNIST, PHOTOGRAPH)


def check(spec: Preprocessing) -> None:
    """Raises PreprocessingUnknown unless `prepare` knows the recipe."""
    known = [each for each in KNOWN if each.kind == spec.kind]
    if not known:
        raise PreprocessingUnknown(f"preprocessing {spec.name} v{spec.version} is not in this version of the code")
    missing = set(known[0].parameters) - set(spec.parameters)
    if missing:
        raise PreprocessingUnknown(f"preprocessing {spec.name} lacks {', '.join(sorted(missing))}")


def read(
    data: bytes, spec: Preprocessing, *, limits: DecodeLimits = DEFAULT_LIMITS, reserve: Reserve = room_for_all
) -> npt.NDArray[np.uint8]:
    """A file's bytes -> uint8[H, W, C], decoded no further than the recipe needs; `reserve` as in `decode`.

    Raises ImageRejected or PreprocessingUnknown.
    """
    return prepare(decode(data, limits=limits, min_edge=spec.min_edge, grey=spec.grey, reserve=reserve), spec)


def prepare(image: Image.Image, spec: Preprocessing) -> npt.NDArray[np.uint8]:
    """An upright RGB image -> uint8[H, W, C]. Raises PreprocessingUnknown."""
    check(spec)
    if spec.name == PHOTOGRAPH.name:
        return np.asarray(_squared(image, spec))
    grey = image.convert("L")
    if grey.size == (spec.size, spec.size) and _is_prepared(grey):
        return np.asarray(grey)[..., None]
    return np.asarray(_garment(image, grey, spec))[..., None]


def photograph(size: int, fit: str = FIT) -> Preprocessing:
    """All that `fit`, one of FITS, leaves of a photograph, in a square of `size` pixels."""
    return Preprocessing("photograph", 1, size, 3, {"min_edge": size, "fit": FITS.index(fit)})


def resized(spec: Preprocessing, size: int) -> Preprocessing:
    """The same recipe for another size, decoded no further than that."""
    return replace(spec, size=size, parameters={**spec.parameters, "min_edge": size})


def square(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """uint8[H, H, 3] -> uint8[size, size, 3]."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def _squared(image: Image.Image, spec: Preprocessing) -> Image.Image:
    whole = (spec.size, spec.size)
    match FITS[int(spec.parameters["fit"])]:
        case "squash":
            return image.resize(whole, Image.Resampling.BILINEAR)
        case "letterbox":
            return _letterboxed(image, spec.size)
        case _:
            return image.resize(whole, Image.Resampling.BILINEAR, box=_middle(*image.size))


def _middle(width: int, height: int) -> tuple[float, float, float, float]:
    """The largest square there."""
    edge = min(width, height)
    left, top = (width - edge) / 2, (height - edge) / 2
    return left, top, left + edge, top + edge


def _letterboxed(image: Image.Image, size: int) -> Image.Image:
    scale = size / max(image.size)
    small = image.resize((_scaled(image.width, scale), _scaled(image.height, scale)), Image.Resampling.BILINEAR)
    canvas = Image.new("RGB", (size, size), _colour_of_border(small))
    canvas.paste(small, ((size - small.width) // 2, (size - small.height) // 2))
    return canvas


def _colour_of_border(image: Image.Image) -> tuple[int, int, int]:
    """Red, green and blue, the median of each."""
    pixels = np.asarray(image)
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    red, green, blue = np.median(border, axis=0)
    return int(red), int(green), int(blue)


def _garment(image: Image.Image, grey: Image.Image, spec: Preprocessing) -> Image.Image:
    border = _border(grey)
    if spec.version == 1:
        return _by_difference(grey, int(border[len(border) // 2]), spec)
    ground, share = _commonest(border, int(spec.parameters["even_level"]))
    even = share >= spec.parameters["even_share"]
    return _by_difference(grey, ground, spec) if even else _by_colour(image, spec)


def _by_difference(grey: Image.Image, ground: int, spec: Preprocessing) -> Image.Image:
    """The garment is what has another level than its ground."""
    lifted = grey.point(_differences(ground))
    return _fitted(lifted, _trimmed(lifted, spec), spec)


def _by_colour(image: Image.Image, spec: Preprocessing) -> Image.Image:
    """The garment is what has other colours than its ground; dark cloth becomes light, as in the paper."""
    asked = spec.parameters
    scale = asked["edge"] / max(image.size)
    small = image.resize((_scaled(image.width, scale), _scaled(image.height, scale)), Image.Resampling.BOX)
    how = Separation(int(asked["bins"]), int(asked["turns"]), int(asked["steps"]), asked["tie"])
    mask = garment(small, how)
    cut = Image.composite(small.convert("L").point(_inverted(asked["darkest"])), _black(small.size), _as_image(mask))
    return _fitted(cut, _as_image(mask).getbbox() or (0, 0, *small.size), spec)


def _fitted(lifted: Image.Image, box: Box, spec: Preprocessing) -> Image.Image:
    """What is in the box, in the middle of a black square, as large as it goes."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = (spec.size - 2 * spec.parameters.get("margin", 0)) / max(width, height)
    fitted = (_scaled(width, scale), _scaled(height, scale))
    small = lifted.resize(fitted, Image.Resampling.BOX, box=box)
    canvas = _black((spec.size, spec.size))
    canvas.paste(small, ((spec.size - fitted[0]) // 2, (spec.size - fitted[1]) // 2))
    return canvas


def _scaled(edge: int, scale: float) -> int:
    return max(1, round(edge * scale))


def _black(size: tuple[int, int]) -> Image.Image:
    return Image.new("L", size)


def _as_image(mask: Mask) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * 255)


def _is_prepared(grey: Image.Image) -> bool:
    """Is this already a garment, light on black, of the network's own size, as Fashion-MNIST's images are?"""
    border = _border(grey)
    return int(border[int(PREPARED_SHARE * len(border))]) < DARK


def _trimmed(lifted: Image.Image, spec: Preprocessing) -> Box:
    """The box of what differs from the ground; the whole picture when nothing does."""
    shape = lifted.point(_above(spec.parameters["trim_level"]))
    return shape.getbbox() or (0, 0, *lifted.size)


def _border(grey: Image.Image) -> npt.NDArray[np.uint8]:
    """The outermost pixels, sorted by level."""
    levels = np.asarray(grey)
    border = np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]])
    border.sort()
    return border


def _commonest(border: npt.NDArray[np.uint8], near: int) -> tuple[int, float]:
    """The level that most of the sorted border lies around, by up to `near`, and the share that does."""
    counts = np.convolve(np.bincount(border, minlength=256), np.ones(2 * near + 1), "same")
    middle = int(counts.argmax())
    around = border[(border >= middle - near) & (border <= middle + near)]
    return int(around[len(around) // 2]), len(around) / len(border)


@functools.cache
def _inverted(darkest: float) -> list[int]:
    """For Image.point: white becomes `darkest`, black becomes 255."""
    return [round(darkest + (255 - level) * (255 - darkest) / 255) for level in range(256)]


@functools.cache
def _differences(ground: int) -> list[int]:
    """For Image.point: each level's distance from the ground's."""
    return [abs(level - ground) for level in range(256)]


@functools.cache
def _above(least: float) -> list[int]:
    """For Image.point: 255 for each level above `least`, else 0."""
    return [255 if level > least else 0 for level in range(256)]
