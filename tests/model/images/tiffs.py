"""TIFFs made by hand, sound ones and others."""

from __future__ import annotations

import struct
import zlib
from typing import Any


def ifd(tags: dict[int, tuple[str, list[int]]], data: bytes = b"", after: int = 0) -> bytes:
    """Make a TIFF of one page by hand: tag -> type ("H" or "I") and values, which may lie about the data."""
    start = 8 + len(data) + len(data) % 2
    far, entries = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}{kind}", *values)
        if len(packed) > 4:
            place = struct.pack("<I", start + 2 + 12 * len(tags) + 4 + len(far))
            far += packed
        else:
            place = packed.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, 3 if kind == "H" else 4, len(values)) + place
    head = b"II*\0" + struct.pack("<I", start) + data.ljust(start - 8, b"\0")
    return head + struct.pack("<H", len(tags)) + entries + struct.pack("<I", after) + far


def tiff(width: int, height: int, *, bits: int = 8, samples: int = 3, compression: int = 8, **more: Any) -> bytes:
    """Make a TIFF in one strip of zeros, or of `data`; `tags` go before what belongs to it."""
    data = more.get("data") or zlib.compress(bytes(width * height * samples * bits // 8), 1)
    tags: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [bits] * samples),
        259: ("H", [compression]),
        262: ("H", [{1: 1, 3: 2, 4: 2}[samples]]),
        273: ("I", [8]),
        277: ("H", [samples]),
        278: ("I", [height]),
        279: ("I", [len(data)]),
    }
    tags |= {338: ("H", [2])} if samples == 4 else {}
    return ifd(tags | more.get("tags", {}), data, more.get("after", 0))
