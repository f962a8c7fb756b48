"""Any of Pillow's modes -> RGB as a person sees it: transparency on white, 16 bits scaled, profiles to sRGB."""

import functools
import io
from typing import Any

from PIL import Image, ImageCms

WHITE = (255, 255, 255, 255)


def to_rgb(image: Image.Image) -> Image.Image:
    """A loaded image of any mode -> mode RGB."""
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled_down(image).convert("RGB")
    if image.has_transparency_data:
        return _on_white(image)
    profiled = _by_profile(image) or image
    return profiled if profiled.mode == "RGB" else profiled.convert("RGB")


def _scaled_down(image: Image.Image) -> Image.Image:
    """16-bit and wider greys to 8 bits; Pillow's own conversion clips them, and all turns white."""
    import numpy as np  # only rare modes need it, and every process reads this module

    values = np.asarray(image).astype(np.float32)
    if image.mode == "F":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        top = max(float(values.max(initial=0.0)), 1.0)
    else:
        top = 65_535.0 if values.max(initial=0.0) <= 65_535 else float(2**31 - 1)
    return Image.fromarray((values.clip(0, top) * (255.0 / top) + 0.5).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    """What is transparent shows white, the usual ground of a product page, not the black that convert() gives."""
    profiled = _by_profile(image, output="RGBA") if image.mode == "RGBA" else None
    seen = profiled or image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, WHITE), seen).convert("RGB")


def _by_profile(image: Image.Image, output: str = "RGB") -> Image.Image | None:
    """The image in sRGB if it carries another usable colour profile, else None."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return None
    try:
        transform = _transform(bytes(profile), image.mode, output)
        return ImageCms.applyTransform(image, transform) if transform else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None  # a profile that cannot be used is as none at all


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str, output: str) -> Any:
    """Making a transform costs milliseconds, and a catalogue's pictures share a few profiles. None: it is sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if "srgb" in ImageCms.getProfileDescription(source).lower():
        return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, output)
