"""Ways of preparing a photograph for the network, to be measured beside each other: see bench.photographs."""

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from bench.masks import Floats, Mask, by_border, by_median, by_sides, by_turns, grab_cut, grab_cut_from_border
from model.images.preprocessing import FASHION_MNIST, VERSION_1, preprocess

Pixels = npt.NDArray[np.uint8]
Masker = Callable[[Image.Image], Mask]
Painter = Callable[[Floats, Mask], Floats]
EDGE = int(FASHION_MNIST.parameters["edge"])


@dataclass(frozen=True, slots=True)
class Variant:
    """RGB -> uint8[28, 28, 1], and the module that it needs besides ours."""

    prepare: Callable[[Image.Image], Pixels]
    needs: str = "numpy"

    def there(self) -> bool:
        return importlib.util.find_spec(self.needs) is not None


def recipe(**changed: float) -> Variant:
    """The recipe of new bundles with other parameters."""
    spec = replace(FASHION_MNIST, parameters={**FASHION_MNIST.parameters, **changed})
    return Variant(lambda image: preprocess(image, spec))


def painted(mask: Masker, paint: Painter, needs: str = "numpy", edge: int = EDGE) -> Variant:
    """A mask of the shrunk photograph, and what is drawn within it."""
    return Variant(lambda image: _painted(_shrunk(image, edge), mask, paint), needs)


def _painted(image: Image.Image, mask: Masker, paint: Painter) -> Pixels:
    inside = mask(image)
    inside = inside if inside.any() else ~inside
    grey = np.asarray(image.convert("L"), np.float32)
    levels = np.where(inside, np.clip(paint(grey, inside), 0, 255), 0).astype(np.uint8)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    scale = 28 / max(box[2] - box[0], box[3] - box[1])
    size = tuple(max(1, round(edge * scale)) for edge in (box[2] - box[0], box[3] - box[1]))
    canvas = Image.new("L", (28, 28))
    small = Image.fromarray(levels).resize((size[0], size[1]), Image.Resampling.BOX, box=box)
    canvas.paste(small, ((28 - size[0]) // 2, (28 - size[1]) // 2))
    return np.asarray(canvas)[..., None]


def _shrunk(image: Image.Image, edge: int) -> Image.Image:
    scale = edge / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BOX)


def inverted(grey: Floats, mask: Mask, darkest: float = 40.0, contrast: float = 1.0) -> Floats:
    """Dark cloth light, as in the paper, no level under `darkest`; contrast within the garment multiplied."""
    levels = 255 - grey
    middle = levels[mask].mean()
    return darkest + np.clip(middle + contrast * (levels - middle), 0, 255) * (255 - darkest) / 255


def own(grey: Floats, _mask: Mask) -> Floats:
    """Light cloth light."""
    return grey


def difference(grey: Floats, mask: Mask) -> Floats:
    """How far from the ground's level."""
    return np.abs(grey - (np.median(grey[~mask]) if not mask.all() else 0))


def flat(grey: Floats, _mask: Mask) -> Floats:
    """A silhouette."""
    return np.full_like(grey, 200)


def levelled(grey: Floats, mask: Mask) -> Floats:
    """Inverted, every garment with the same mean and about the same contrast."""
    levels = 255 - grey
    middle, spread = levels[mask].mean(), levels[mask].std()
    return np.maximum(160 + (levels - middle) * min(1.5, 40 / (spread + 8)), 1)


def sharpened(amount: float) -> Variant:
    """The recipe's picture, with an unsharp mask over it at the end."""
    return Variant(functools.partial(_sharpened, amount=amount))


def _sharpened(image: Image.Image, amount: float) -> Pixels:
    seen = preprocess(image, FASHION_MNIST)[..., 0]
    soft = np.asarray(Image.fromarray(seen).filter(ImageFilter.BoxBlur(1)), np.float32)
    sharp = np.clip(seen + amount * (seen - soft), 0, 255)
    return np.where(seen > 0, sharp, 0).astype(np.uint8)[..., None]


VARIANTS = {
    "version 1": Variant(lambda image: preprocess(image, VERSION_1)),
    "version 2": recipe(),
    "v2, always by colour": recipe(even_share=2),
    "mask: border's median, inverted": painted(by_median, inverted),
    "mask: plane through the border": painted(by_sides, inverted),
    "mask: border's colour in Lab": painted(by_border, inverted),
    "mask: GrabCut, 64 pixels": painted(grab_cut, inverted, "cv2"),
    "mask: GrabCut, 134 pixels": painted(grab_cut, inverted, "cv2", edge=134),
    "mask: GrabCut from Lab, 64": painted(grab_cut_from_border, inverted, "cv2"),
    "polarity: own level": painted(by_turns, own),
    "polarity: |difference|": painted(by_turns, difference),
    "polarity: silhouette": painted(by_turns, flat),
    "polarity: levelled": painted(by_turns, levelled),
    "darkest 0": recipe(darkest=0),
    "darkest 60": recipe(darkest=60),
    "contrast 1.5": painted(by_turns, functools.partial(inverted, contrast=1.5)),
    "contrast 0.7": painted(by_turns, functools.partial(inverted, contrast=0.7)),
    "sharpened 0.5": sharpened(0.5),
    "margin 1": recipe(margin=1),
    "margin 2": recipe(margin=2),
    "edge 48": recipe(edge=48),
    "edge 56": recipe(edge=56),
    "edge 72": recipe(edge=72),
    "bins 8": recipe(bins=8),
    "bins 16": recipe(bins=16),
    "turns 2": recipe(turns=2),
    "turns 4, steps 3": recipe(turns=4, steps=3),
    "turns 8": recipe(turns=8),
    "tie 0": recipe(tie=0.0),
    "tie 1": recipe(tie=1.0),
}
"""By name; what needs a module that is not installed is left out."""
