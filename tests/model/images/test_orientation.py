"""The orientation is obeyed, whatever else is odd in the metadata."""

import itertools
import struct

import pytest

from model.images.decoding import decode
from model.images.orientation import turn_upright
from tests.model.pictures import encode, photograph

ODD_TAGS = {
    "none": b"",
    "a text as a number": struct.pack("<HHI4s", 0x010F, 3, 1, b"ab\0\0"),
    "a resolution as text": struct.pack("<HHII", 0x011A, 2, 2_000_000_000, 8),
    "a rational past the end": struct.pack("<HHII", 0x011B, 5, 1, 0xFFFFFFF0),
    "a maker note of no known kind": struct.pack("<HHII", 0x927C, 7, 70_000, 60_000),
    "an Exif directory that is none": struct.pack("<HHII", 0x8769, 4, 1, 0xFFFFFFFF),
    "an Exif directory that is text": struct.pack("<HHI4s", 0x8769, 2, 4, b"abc\0"),
    "a place that points at itself": struct.pack("<HHII", 0x8825, 4, 1, 8),
    "a type that does not exist": struct.pack("<HHII", 0x0132, 99, 1, 0),
    "many dates": struct.pack("<HHII", 0x0132, 3, 0xFFFFFFFF, 8),
}
KINDS = {"a byte": (1, "<B3x"), "a short": (3, "<H2x"), "a long": (4, "<I")}


def exif(orientation: int, odd: bytes, *, first: bool, kind: str = "a short", entries: int | None = None) -> bytes:
    number, layout = KINDS[kind]
    tag = struct.pack("<HHI", 0x0112, number, 1) + struct.pack(layout, orientation)
    directory = tag + odd if first else odd + tag
    count = len(directory) // 12 if entries is None else entries
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, count) + directory + bytes(4)


@pytest.mark.parametrize("odd", ODD_TAGS)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_beside_any_odd_tag(format_: str, odd: str) -> None:
    lying = photograph(40, 30)
    for orientation, first, kind in itertools.product(range(1, 9), (True, False), KINDS):
        data = encode(lying, format_, exif=exif(orientation, ODD_TAGS[odd], first=first, kind=kind))

        assert decode(data).size == ((30, 40) if orientation >= 5 else (40, 30)), (orientation, first, kind)


def test_a_directory_that_claims_more_entries_than_it_has_still_tells() -> None:
    assert turn_upright(exif(6, b"", first=True, entries=60_000), b"") is not None
    assert turn_upright(exif(6, b"", first=True, entries=0), b"") is None


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"Exif\0\0",
        b"II*\0\xff\xff\xff\xff",
        b"XX*\0\x08\0\0\0\1\0",
        b"II*\0\x08\0\0\0",
        exif(6, b"", first=True)[:-10],
        exif(9, b"", first=True),
        exif(0, b"", first=True),
        exif(200, b"", first=True, kind="a long"),
        exif(6, b"", first=True).replace(struct.pack("<HHI", 0x0112, 3, 1), struct.pack("<HHI", 0x0112, 2, 1)),
        exif(6, b"", first=True).replace(struct.pack("<HHI", 0x0112, 3, 1), struct.pack("<HHI", 0x0112, 3, 0)),
        exif(6, b"", first=True).replace(struct.pack("<HHI", 0x0112, 3, 1), struct.pack("<HHI", 0x0112, 3, 900)),
    ],
)
def test_an_illegible_orientation_turns_nothing(broken: bytes) -> None:
    assert turn_upright(broken, b"") is None


def test_big_endian_and_xmp_are_read_too() -> None:
    big = b"MM\0*" + struct.pack(">IHHHIHH", 8, 1, 0x0112, 3, 1, 8, 0)

    assert turn_upright(big, b"") == turn_upright(b"", b'<x tiff:Orientation="8"/>') is not None
    assert turn_upright(exif(1, b"", first=True), b'<x tiff:Orientation="8"/>') is None
