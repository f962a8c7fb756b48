"""Colour: any of Pillow's modes -> RGB as people see it, transparency on white, 16 bits scaled, profiles to sRGB."""

import functools
import io
from typing import Any

from PIL import Image, ImageCms

WHITE = (255, 255, 255, 255)
STRIP = 500_000
"""Pixels that are converted at once: what a conversion makes on the way takes up to 20 bytes a pixel."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a loaded image of any mode to RGB, a large one strip by strip and, if it may be, in its own memory."""
    plain = image.mode == "RGB" and not image.has_transparency_data and not image.info.get("icc_profile")
    if plain or image.width * image.height <= STRIP or image.mode in ("I", "F"):
        return _converted(image)
    mode, info, deep = image.mode, image.info, image.mode.startswith("I")
    parts = image.split() if mode == "LA" else (image,)
    target = image if mode in ("RGB", "RGBA") else None
    del image
    target = target or Image.new("L" if deep else "RGB", parts[0].size)
    rows = max(1, STRIP // target.width)
    for top in range(0, target.height, rows):
        box = (0, top, target.width, min(top + rows, target.height))
        strip = Image.merge(mode, [part.crop(box) for part in parts]) if len(parts) > 1 else parts[0].crop(box)
        strip.info = info
        target.paste(_scaled_down(strip) if deep else _converted(strip), box)
    del parts
    target.info = {}
    return _without_alpha(target) if target.mode == "RGBA" else target.convert("RGB") if deep else target


def _without_alpha(image: Image.Image) -> Image.Image:
    """Call RGBA pixels RGB, in the same memory where that is in one piece (see model.images.decoder_process)."""
    try:
        return Image.fromarrow(image, "RGB", image.size)
    except ValueError:
        return image.convert("RGB")


def _converted(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled_down(image).convert("RGB")
    if image.has_transparency_data:
        return _on_white(image)
    profiled = _by_profile(image) or image
    return profiled if profiled.mode == "RGB" else profiled.convert("RGB")


def _scaled_down(image: Image.Image) -> Image.Image:
    """Scale 16-bit and wider greys to 8 bits; Pillow's own conversion clips them, and all turns white."""
    import numpy as np  # only rare modes need it, and every process reads this module

    values = np.asarray(image).astype(np.float32)
    if image.mode == "F":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        top = max(float(values.max(initial=0.0)), 1.0)
    else:
        top = 65_535.0 if values.max(initial=0.0) <= 65_535 else float(2**31 - 1)
    return Image.fromarray((values.clip(0, top) * (255.0 / top) + 0.5).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    """Put a transparent image on white, the usual ground of a product page, not on the black that convert() gives."""
    profiled = _by_profile(image, output="RGBA") if image.mode == "RGBA" else None
    visible = profiled or image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", visible.size, WHITE), visible).convert("RGB")


def _by_profile(image: Image.Image, output: str = "RGB") -> Image.Image | None:
    """Convert the image to sRGB if it carries another usable colour profile, else return None."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return None
    try:
        transform = _transform(bytes(profile), image.mode, output)
        return ImageCms.applyTransform(image, transform) if transform else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None  # an unusable profile is ignored


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str, output: str) -> Any:
    """Make a transform to sRGB, or None for a profile that is sRGB already.

    That costs milliseconds, and the images of a catalogue share a few profiles.
    """
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if "srgb" in ImageCms.getProfileDescription(source).lower():
        return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, output)
