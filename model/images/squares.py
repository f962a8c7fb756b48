"""Photographs as squares, for backbones that were trained on such."""

import numpy as np
import numpy.typing as npt
from PIL import Image


def fitted(image: Image.Image, size: int, fit: str) -> Image.Image:
    """Make an RGB image a square of `size` pixels; `fit` is "squash", "letterbox" or "crop".

    A letterbox is filled with the colour of the image's border.
    """
    match fit:
        case "squash":
            return image.resize((size, size), Image.Resampling.BILINEAR)
        case "letterbox":
            return _letterboxed(image, size)
        case _:
            return image.resize((size, size), Image.Resampling.BILINEAR, box=_middle(*image.size))


def shrunk(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Scale uint8[H, H, 3] to uint8[size, size, 3]."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def _middle(width: int, height: int) -> tuple[float, float, float, float]:
    """Return the box of the largest square in the middle."""
    edge = min(width, height)
    left, top = (width - edge) / 2, (height - edge) / 2
    return left, top, left + edge, top + edge


def _letterboxed(image: Image.Image, size: int) -> Image.Image:
    scale = size / max(image.size)
    width, height = (max(1, round(edge * scale)) for edge in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR)
    canvas = Image.new("RGB", (size, size), _colour_of_border(small))
    canvas.paste(small, ((size - width) // 2, (size - height) // 2))
    return canvas


def _colour_of_border(image: Image.Image) -> tuple[int, int, int]:
    """Return the medians of red, green and blue."""
    pixels = np.asarray(image)
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    red, green, blue = np.median(border, axis=0)
    return int(red), int(green), int(blue)
