"""Images that are small, within all caps, and cost a decoder far more than they should; each a different kind."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

from tests.model.pictures import encode, photograph


def endless_scans(count: int, edge: int = 6_300) -> bytes:
    """A progressive JPEG that repeats one of its scans."""
    data = encode(Image.new("L", (edge, edge), 90), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * (count - data.count(b"\xff\xda")) + b"\xff\xd9"


def _png(width: int, height: int, depth: int, colour: int, row: int, *extra: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(bytes(1 + row)) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _frames(kind: str, count: int) -> bytes:
    frames = [Image.new("L", (8, 8), number % 256) for number in range(count)]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


def _lossless_webp(width: int, height: int) -> bytes:
    return encode(Image.new("RGBA", (width, height), (1, 2, 3, 4)), "WEBP", lossless=True, method=0)


def _run_length_bitmap(edge: int) -> bytes:
    """A bitmap of runs of one pixel, each followed by a line's end."""
    rows = b"\x01\x05\x00\x00" * edge
    head = struct.pack("<IiiHHIIiiII", 40, edge, edge, 1, 8, 1, len(rows), 0, 0, 256, 0)
    palette = bytes(range(256)) * 4
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(rows), 0, 0, 54 + 1024) + head + palette + rows


def _gif_claiming(width: int, height: int) -> bytes:
    small = bytearray(encode(Image.new("P", (4, 4)), "GIF"))
    small[6:10] = struct.pack("<HH", width, height)
    return bytes(small)


def bombs() -> dict[str, bytes]:
    """Name -> bytes, each within the caps on bytes, pixels and edges, or seemingly so."""
    edge, packed = 6_300, zlib.compress(bytes(60_000_000), 9)
    sideways = Image.Exif()
    sideways[0x0112] = 6
    exif = _chunk(b"eXIf", sideways.tobytes()[6:])
    return {
        "scans.jpg": endless_scans(5_000),
        "slow.jpg": endless_scans(100),
        "claims.png": _png(100_000, 100_000, 8, 2, 0),
        "rgba.png": _png(edge, edge, 8, 6, 4 * edge),
        "deep.png": _png(edge, edge, 16, 0, 2 * edge),
        "deep-rgba.png": _png(edge, edge, 16, 6, 8 * edge),
        "turned.png": _png(edge, edge, 8, 2, 3 * edge, exif),
        "profile.png": _png(edge, edge, 8, 2, 3 * edge, _chunk(b"iCCP", b"x\0\0" + packed)),
        "texts.png": _png(9, 9, 8, 2, 27, _chunk(b"zTXt", b"Comment\0\0" + packed) * 40),
        "lossless.webp": _lossless_webp(edge, edge),
        "frames.webp": _frames("WEBP", 1_500),
        "frames.gif": _frames("GIF", 3_000),
        "canvas.gif": _gif_claiming(6_300, 6_300),
        "runs.bmp": _run_length_bitmap(edge),
        "cut.jpg": encode(photograph(), "JPEG")[:900],
    }


def photographs(count: int) -> dict[str, bytes]:
    """Good photographs, no two alike."""
    pictures = {}
    for number in range(count):
        sink = io.BytesIO()
        photograph(300 + number % 40, 400, 200 + number % 50).save(sink, "JPEG", quality=80 + number % 15)
        pictures[f"good/{number:04}.jpg"] = sink.getvalue()
    return pictures
