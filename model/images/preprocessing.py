"""Preprocessing: an upright RGB image -> the array that a network gets, in training and in serving alike.

A bundle names its recipe and the recipe's version. "fashion-mnist" cuts out one garment, light on black
(model.images.garments); "photograph" keeps all that a photograph shows, in colour, as a square (model.images.squares).

Every bundle names a recipe, and most who read a bundle prepare no image: numpy and Pillow are imported by who does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from model import ModelError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from model.images.decoding import DecodeHints


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
    def hints(self) -> DecodeHints:
        """What the recipe needs of a decoded image."""
        from model.images.decoding import DecodeHints

        return DecodeHints(int(self.parameters["min_edge"]), grey=self.channels == 1 and self.version == 1)

    def as_json(self) -> dict[str, Any]:
        """Return what bundle.json holds."""
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
"""The recipe of new bundles for Fashion-MNIST's categories."""
FITS = ("squash", "letterbox", "crop")
"""How a photograph becomes a square: by losing its shape, by ground around it, or by losing its ends."""
FIT = "squash"
"""Unless another is asked for: what the shipped bundle was trained with (docs/research/experiments.md)."""
PHOTOGRAPH = Preprocessing("photograph", 1, 160, 3, {"min_edge": 160, "fit": FITS.index("crop")})
"""The name, version and channels of the recipe for photographs, which may have any size and fit."""
KNOWN = (VERSION_1, FASHION_MNIST, PHOTOGRAPH)


def check(spec: Preprocessing) -> None:
    """Raise PreprocessingUnknown unless `preprocess` knows the recipe."""
    known = next((recipe for recipe in KNOWN if recipe.kind == spec.kind), None)
    if known is None:
        raise PreprocessingUnknown(f"preprocessing {spec.name} v{spec.version} is not in this version of the code")
    missing = set(known.parameters) - set(spec.parameters)
    if missing:
        raise PreprocessingUnknown(f"preprocessing {spec.name} lacks {', '.join(sorted(missing))}")


def preprocess(image: Image.Image, spec: Preprocessing) -> npt.NDArray[np.uint8]:
    """Turn an upright RGB image into uint8[H, W, C]. The recipe has to be one that `check` passes."""
    import numpy as np

    from model.images import garments, squares

    if spec.name == PHOTOGRAPH.name:
        return np.asarray(squares.fitted(image, spec.size, FITS[int(spec.parameters["fit"])]))
    return np.asarray(garments.light_on_black(image, spec.size, spec.parameters, version=spec.version))[..., None]


def photograph(size: int, fit: str = FIT) -> Preprocessing:
    """Return the recipe for photographs as squares of `size` pixels; `fit` is one of FITS."""
    return replace(PHOTOGRAPH, size=size, parameters={"min_edge": size, "fit": FITS.index(fit)})


def resized(spec: Preprocessing, size: int) -> Preprocessing:
    """Return the same recipe for another size, decoded no further than that."""
    return replace(spec, size=size, parameters={**spec.parameters, "min_edge": size})
