"""Photographs -> arrays for the network. One recipe, named and versioned in the bundle, for training and serving.

"fashion-mnist" follows the steps of the Fashion-MNIST paper (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747, §2): trim,
longest edge to 28, extend to 28×28, garment light on black, grey. Three things differ, each because it was measured
(docs/experiments.md): the ground's level is taken from the picture's border instead of assumed white, the resize is
antialiased (an area average), nothing is sharpened.
"""

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

DARK = 64  # of 255
PREPARED_SHARE = 0.25  # of the border is dark in each of Fashion-MNIST's 70,000 images


class PreprocessingUnknown(Exception):
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
    def min_edge(self) -> int:
        """Pixels the decoder has to leave of the shorter edge."""
        return int(self.parameters["min_edge"])

    def as_json(self) -> dict[str, Any]:
        """For bundle.json."""
        return {
            "name": self.name,
            "version": self.version,
            "size": self.size,
            "channels": self.channels,
            "parameters": dict(self.parameters),
        }


FASHION_MNIST = Preprocessing("fashion-mnist", 1, 28, 1, {"min_edge": 64, "trim_level": 16})


def check(spec: Preprocessing) -> None:
    """Raises PreprocessingUnknown unless `prepare` knows the recipe."""
    known = FASHION_MNIST
    if (spec.name, spec.version, spec.channels) != (known.name, known.version, known.channels):
        raise PreprocessingUnknown(f"preprocessing {spec.name} v{spec.version} is not in this version of the code")
    missing = set(known.parameters) - set(spec.parameters)
    if missing:
        raise PreprocessingUnknown(f"preprocessing {spec.name} lacks {', '.join(sorted(missing))}")


def prepare(image: Image.Image, spec: Preprocessing) -> npt.NDArray[np.uint8]:
    """An upright RGB image -> uint8[H, W, C]. Raises PreprocessingUnknown."""
    check(spec)
    grey = image.convert("L")
    if grey.size == (spec.size, spec.size) and _is_prepared(grey):
        return np.asarray(grey)[..., None]
    return np.asarray(_garment(grey, spec))[..., None]


def _is_prepared(grey: Image.Image) -> bool:
    """Is this already a garment, light on black, of the network's own size, as Fashion-MNIST's images are?"""
    border = _border(grey)
    return int(border[int(PREPARED_SHARE * len(border))]) < DARK


def _garment(grey: Image.Image, spec: Preprocessing) -> Image.Image:
    border = _border(grey)
    ground = int(border[len(border) // 2])
    lifted = grey.point(_differences(ground))
    box = _trimmed(lifted, spec)
    width, height = box[2] - box[0], box[3] - box[1]
    scale = spec.size / max(width, height)
    fitted = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = lifted.resize(fitted, Image.Resampling.BOX, box=box)
    canvas = Image.new("L", (spec.size, spec.size))
    canvas.paste(small, ((spec.size - fitted[0]) // 2, (spec.size - fitted[1]) // 2))
    return canvas


def _trimmed(lifted: Image.Image, spec: Preprocessing) -> tuple[int, int, int, int]:
    """The box of what differs from the ground; the whole picture when nothing does."""
    shape = lifted.point(_above(spec.parameters["trim_level"]))
    return shape.getbbox() or (0, 0, *lifted.size)


def _border(grey: Image.Image) -> npt.NDArray[np.uint8]:
    """The outermost pixels, sorted by level."""
    levels = np.asarray(grey)
    border = np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]])
    border.sort()
    return border


@functools.cache
def _differences(ground: int) -> list[int]:
    """For Image.point: each level's distance from the ground's."""
    return [abs(level - ground) for level in range(256)]


@functools.cache
def _above(least: float) -> list[int]:
    """For Image.point: 255 for each level above `least`, else 0."""
    return [255 if level > least else 0 for level in range(256)]
