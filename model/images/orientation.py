"""How a camera lay: the EXIF orientation alone, read past everything else that is odd in the metadata."""

import re
import struct

from PIL import Image

_TAG = 0x0112
_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
"""TIFF's types of whole numbers; an orientation of another type is none."""
_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turn_upright(exif: bytes, xmp: bytes) -> Image.Transpose | None:
    """Return the turn that puts an image upright, or None if it lies as it should or nothing legible says how."""
    orientation = _in_exif(exif)
    if orientation is None and (match := _IN_XMP.search(xmp)):
        orientation = int(match[1])
    return turn_of(orientation or 1)


def turn_of(orientation: int) -> Image.Transpose | None:
    """Return the turn that EXIF's number means."""
    return _TURNS.get(orientation)


def _in_exif(exif: bytes) -> int | None:
    """Read the tag from the first directory; entries that are cut off or of no use are passed over."""
    tiff = re.sub(rb"^(Exif\0\0){1,2}", b"", exif)
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    (number,) = struct.unpack(order + "H", tiff[start : start + 2].ljust(2, b"\0"))
    orientation = None
    for position in range(start + 2, min(start + 2 + 12 * number, len(tiff) - 11), 12):
        tag, kind, count = struct.unpack_from(order + "HHI", tiff, position)
        if tag == _TAG and count and kind in _FORMATS:
            orientation = _value(tiff, order + _FORMATS[kind], count, tiff[position + 8 : position + 12])
    return orientation


def _value(tiff: bytes, layout: str, count: int, field: bytes) -> int | None:
    """Return the first value: it lies in the entry's own field, or where that points if there are too many."""
    size = struct.calcsize(layout)
    if size * count > len(field):
        (offset,) = struct.unpack(layout[0] + "I", field)
        field = tiff[offset : offset + size]
    return int(struct.unpack_from(layout, field)[0]) if len(field) >= size else None
