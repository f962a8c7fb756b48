"""What a JPEG or PNG file holds around its pixels, taken apart before a decoder sees it.

Pixels decide: the decoder gets them and what their colours depend on. Of the metadata only the orientation and the
colour profile are of use; they are read here, within limits, and what is broken of them is as if it were not there.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

LONGEST_PROFILE = 4_000_000
"""Bytes, unpacked: printers' profiles take up to some three million."""
LONGEST_TEXT = 1_000_000
MOST_SCANS = 100
"""A progressive JPEG has some ten scans. Each costs as much as decoding a whole image, however few its bytes."""

_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd9\xff])")  # one with a length after it; fill bytes may precede it
_MARKER_OR_END = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_SCAN, _END = 0xDA, 0xD9
_COMMENT = 0xFE
_SEQUENTIAL_FRAMES = (0xC0, 0xC1)
_COLOUR_SEGMENTS = (0xE0, 0xEE)  # JFIF and Adobe say what the components mean
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS")


@dataclass(slots=True)
class Contents:
    """A file without its metadata, and of that what may be of use, under Pillow's names: icc_profile, exif, xmp."""

    pixels: bytes
    info: dict[str, bytes | None] = field(default_factory=dict)
    scans: int = 1


def open_jpeg(data: bytes) -> Contents:
    """Leave out the application segments and comments before the first scan, and count the scans."""
    contents, kept, profile, position, components = Contents(data), [data[:2]], [], 2, 0
    for marker, start, position in _segments(data):
        body = data[start + 4 : position]
        if marker in _SEQUENTIAL_FRAMES and len(body) > 5:
            components = body[5]
        if marker in _COLOUR_SEGMENTS or not (0xE0 <= marker <= 0xEF or marker == _COMMENT):
            kept.append(data[start:position])
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            contents.info["exif"] = (contents.info.get("exif") or b"Exif\0\0") + body[6:]
        elif marker == 0xE1 and body.startswith(_XMP):
            contents.info["xmp"] = body[len(_XMP) :]
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) >= 14:
            profile.append(body)
    if profile:
        contents.info["icc_profile"] = _joined(profile)
    if sum(map(len, kept)) < position:
        contents.pixels = b"".join([*kept, data[position:]])
    if not _is_one_scan(data, position, components):
        contents.scans = scans(contents.pixels)
    return contents


def _is_one_scan(data: bytes, position: int, components: int) -> bool:
    """Tell whether the first scan has all components of a sequential image: decoders read no other after it."""
    head = data[position : position + 5]
    return components > 0 and head[:2] == b"\xff\xda" and head[4:] == bytes([components])


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment before the first scan, or before the first that is illegible."""
    position = 2
    while (match := _MARKER.match(data, position)) and (marker := match[1][0]) != _SCAN:
        start, length = match.end() - 2, int.from_bytes(data[match.end() : match.end() + 2], "big")
        position = match.end() + length
        if length < 2 or position > len(data):
            break
        yield marker, start, position


def _joined(parts: list[bytes]) -> bytes | None:
    """Put a colour profile together from its numbered parts; None if one lacks or it is too long."""
    parts.sort()
    whole = parts[0][13] == len(parts) and sum(map(len, parts)) <= LONGEST_PROFILE
    return b"".join(part[14:] for part in parts) if whole else None


def scans(data: bytes) -> int:
    """Count the scans of a JPEG up to its end marker; what follows that, a video for example, does not count."""
    at_most = data.count(b"\xff\xda")  # the bytes may also be part of something else, so there are no more
    if at_most <= MOST_SCANS:
        return at_most
    count, position = 0, 2
    while (match := _MARKER_OR_END.search(data, position)) and match[1][0] != _END:
        count += match[1][0] == _SCAN
        position = match.end() + max(2, int.from_bytes(data[match.end() : match.end() + 2], "big"))
    return count


def canvas_of_webp(data: bytes) -> tuple[int, int]:
    """Read width and height from the head of a WebP file; none where it is broken."""
    head, kind = data[20:30].ljust(10, b"\0"), data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def open_png(data: bytes) -> Contents:
    """Leave out all chunks but those that pixels are made from; one of these with a wrong checksum, too, if it may."""
    contents, kept, position = Contents(data), [data[:8]], 8
    while position < len(data):
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        end = position + 12 + length
        if kind == b"IEND" or not kind.isalpha() or end > len(data):
            kept.append(data[position:])
            break
        if kind in _PIXEL_CHUNKS and (kind != b"tRNS" or _is_sound(data, position, end)):
            kept.append(data[position:end])
        elif kind in _READERS and _is_sound(data, position, end):
            contents.info.update(_READERS[kind](data[position + 8 : end - 4]))
        position = end
    if sum(map(len, kept)) < len(data):
        contents.pixels = b"".join(kept)
    return contents


def _is_sound(data: bytes, start: int, end: int) -> bool:
    return zlib.crc32(data[start + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")


def _profile(body: bytes) -> dict[str, bytes | None]:
    _, _, packed = body.partition(b"\0")
    return {"icc_profile": _unpacked(packed[1:], LONGEST_PROFILE)}


def _exif(body: bytes) -> dict[str, bytes | None]:
    return {"exif": b"Exif\0\0" + body}


def _text(body: bytes) -> dict[str, bytes | None]:
    key, _, value = body.partition(b"\0")
    return _raw_exif(value) if key == b"Raw profile type exif" else {}


def _packed_text(body: bytes) -> dict[str, bytes | None]:
    key, _, value = body.partition(b"\0")
    return _raw_exif(_unpacked(value[1:], LONGEST_TEXT) or b"") if key == b"Raw profile type exif" else {}


def _raw_exif(text: bytes) -> dict[str, bytes | None]:
    """Read EXIF as ImageMagick writes it into a text: three lines, then hexadecimal digits."""
    digits = b"".join(text.split(b"\n")[3:])
    return {"raw_exif": bytes.fromhex(digits.decode())} if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", digits) else {}


def _international_text(body: bytes) -> dict[str, bytes | None]:
    key, _, rest = body.partition(b"\0")
    texts = rest[2:].split(b"\0", 2)
    if key != b"XML:com.adobe.xmp" or len(texts) < 3:
        return {}
    return {"xmp": _unpacked(texts[2], LONGEST_TEXT) if rest[0] else texts[2]}


def _unpacked(packed: bytes, most: int) -> bytes | None:
    """Unpack zlib's data; None if they are broken or come to more bytes than `most`."""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(packed, most)
    except zlib.error:
        return None
    return None if unpacker.unconsumed_tail else plain


_READERS = {b"iCCP": _profile, b"eXIf": _exif, b"tEXt": _text, b"zTXt": _packed_text, b"iTXt": _international_text}
