"""TIFF: the first page, of 1, 8 or 16 bits, uncompressed or with LZW, deflate, PackBits or JPEG.

Pillow reads the tags; the pixels come from libtiff, unless they are uncompressed. Pillow turns them upright, too.
"""

import io
import struct
from math import prod

from PIL import Image
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PLANAR_CONFIGURATION,
    ROWSPERSTRIP,
    SAMPLESPERPIXEL,
    TILELENGTH,
    TILEWIDTH,
    TiffImageFile,
)

from model.images.formats.opened import NotRead, Opened
from model.images.memory import bytes_of

COMPRESSIONS = {
    "raw": "none",
    "tiff_lzw": "LZW",
    "tiff_adobe_deflate": "deflate",
    "tiff_deflate": "deflate",
    "packbits": "PackBits",
    "jpeg": "JPEG",
}
"""Pillow's names of those that are read. libtiff knows more, which nobody delivers photographs in."""
MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "I;16", "I;16B", "I;16L")
MOST_VALUES = 100_000
"""Of a tag, as of the list of strips: Pillow makes objects of them, and more are more than there are rows."""
_ORIENTATION = 274
_OF_BYTES = (1, 2, 6, 7)  # types whose values Pillow leaves in one piece
_CONVERTED = ("CMYK", "RGBX", "RGBa", "La", "PA")
"""Modes of four bytes a pixel, whose RGB gets memory of its own."""
_WIDE = 9
"""Bytes a pixel of these."""
_BESIDES = 5_000_000


def open_tiff(data: bytes) -> Opened:
    """Read the tags of the first page. Raises NotRead, and what Pillow raises for tags that are no sound ones."""
    if b"+" in data[2:4]:
        raise NotRead("it is a BigTIFF; save it with LZW, deflate or JPEG as a plain TIFF")
    if _most_values(data) > MOST_VALUES:
        raise ValueError(f"a tag has more than {MOST_VALUES:,} values")
    try:
        image = TiffImageFile(io.BytesIO(data), "")
    except SyntaxError as error:
        if isinstance(error.__cause__, KeyError) or "unknown" in str(error):
            raise NotRead("it is a TIFF of a rare kind; save it with 8 or 16 bits in grey, RGB or CMYK") from None
        raise
    if image._compression not in COMPRESSIONS:
        raise NotRead(f"it is a TIFF compressed by {image._compression}; save it with LZW, deflate or JPEG, or without")
    if image.mode not in MODES:
        raise NotRead(f"it is a TIFF of mode {image.mode}; save it with 8 or 16 bits in grey, RGB or CMYK")
    turned = image.tag_v2.get(_ORIENTATION, 1) != 1 or "xmp" in image.info
    pixels = image.width * image.height * _WIDE if image.mode in _CONVERTED else bytes_of(image, turned=turned)
    needed = len(data) + pixels + _bytes_of_a_piece(image) + _BESIDES
    return Opened(image.size, needed, lambda: _loaded(image))


def _most_values(data: bytes) -> int:
    """Return the greatest number of values that a tag of the first directory says to have."""
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (number,) = struct.unpack_from(f"{order}H", data, start)
    entries = data[start + 2 : start + 2 + 12 * number]
    tags = struct.iter_unpack(f"{order}2xHI4x", entries[: len(entries) // 12 * 12])
    return max((count for kind, count in tags if kind not in _OF_BYTES), default=0)


def _bytes_of_a_piece(image: TiffImageFile) -> int:
    """Return the bytes of the strip or tile that libtiff unpacks at once, in a buffer of its own."""
    if image._compression == "raw":
        return 0
    tags = image.tag_v2
    width, height = image._tile_size
    if TILEWIDTH in tags:
        area = prod(_number(tags.get(tag)) for tag in (TILEWIDTH, TILELENGTH))
    else:
        area = width * min(height, _number(tags.get(ROWSPERSTRIP, height)))
    bits = max(tags.get(BITSPERSAMPLE, (1,)))
    samples = _number(tags.get(SAMPLESPERPIXEL, 3)) if tags.get(PLANAR_CONFIGURATION, 1) == 1 else 1
    return int(area * max(1, bits / 8) * samples)


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError("a tag that is to be a number is none")
    return value


def _loaded(image: TiffImageFile) -> Image.Image:
    image.is_animated = True  # or Pillow reads all of its EXIF, too, of which nothing is of use
    with image:
        image.load()
        image.info = {name: value for name, value in image.info.items() if name == "icc_profile"}
        return image
