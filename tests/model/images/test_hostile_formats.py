"""TIFF, AVIF and HEIC that cost far more than they seem to: each has its reason, and no decoder takes 300 MB."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pillow_heif
import pytest
from PIL import Image

from model.images.decoder_pool import Decoders
from model.images.decoding import ImageRejected
from model.images.preprocessing import FASHION_MNIST
from tests.model.images.test_memory_of_decoders import LIMIT, peak
from tests.model.images.tiffs import tiff
from tests.model.pictures import encode, photograph

pillow_heif.register_heif_opener()


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    pool = Decoders(1, deadline_s=60)
    yield pool
    pool.close()


def claiming(kind: str, edge: int) -> bytes:
    """Make a small file that says to be as large as this."""
    return encode(photograph(64, 64), kind).replace(struct.pack(">II", 64, 64), struct.pack(">II", edge, edge))


LARGE = "too_many_pixels"
BOMBS: dict[str, tuple[Any, set[str]]] = {
    "a TIFF that claims 10 billion pixels": (lambda: tiff(100_000, 100_000, data=b"x"), {LARGE}),
    "a strip of 16-bit RGBA": (lambda: tiff(6_300, 6_300, bits=16, samples=4, data=b"x"), {LARGE}),
    "a tile of gigabytes": (
        lambda: tiff(64, 64, data=b"x", tags={322: ("I", [60_000]), 323: ("I", [60_000]), 324: ("I", [8])}),
        {LARGE},
    ),
    "a tile of no number": (
        lambda: tiff(64, 64, tags={322: ("I", [16, 16]), 323: ("I", [16, 16]), 324: ("I", [8])}),
        {"corrupt"},
    ),
    "millions of strips": (
        lambda: tiff(64, 64, compression=1, data=b"x", tags={273: ("I", [8] * 5_000_000), 278: ("I", [1])}),
        {"corrupt"},
    ),
    "an AVIF that claims 400 million pixels": (lambda: claiming("AVIF", 20_000), {LARGE, "corrupt"}),
    "a HEIC that claims 400 million pixels": (lambda: claiming("HEIF", 20_000), {LARGE, "corrupt"}),
}
FLAT = zlib.compress(bytes(64 * 64 * 3), 1).ljust(100, b"\0")
HARMLESS = {
    "a page that follows itself": lambda: tiff(
        64, 64, after=8 + 2 * ((len(zlib.compress(bytes(64 * 64 * 3), 1)) + 1) // 2)
    ),
    "hundreds of pages": lambda: encode(
        Image.new("L", (8, 8)), "TIFF", save_all=True, append_images=[Image.new("L", (8, 8))] * 300
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_with_its_reason(decoders: Decoders, name: str) -> None:
    make, reasons = BOMBS[name]

    with pytest.raises(ImageRejected) as rejected:
        decoders.prepare(make(), FASHION_MNIST)

    assert rejected.value.reason in reasons
    assert peak() < LIMIT


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_endless_is_decoded(decoders: Decoders, name: str) -> None:
    assert decoders.prepare(HARMLESS[name](), FASHION_MNIST).shape == (28, 28, 1)
    assert peak() < LIMIT


@pytest.mark.parametrize(("kind", "edge"), [("AVIF", 4_000), ("HEIF", 2_000)])
def test_a_head_that_says_less_than_the_pixels_harms_nobody(decoders: Decoders, kind: str, edge: int) -> None:
    options = {"speed": 10} if kind == "AVIF" else {}
    honest = encode(Image.new("RGB", (edge, edge)), kind, **options)
    lies = honest.replace(struct.pack(">II", edge, edge), struct.pack(">II", 64, 64))

    with suppress(ImageRejected):
        decoders.prepare(lies, FASHION_MNIST)

    assert peak() < LIMIT


AT_THE_CAPS = {
    "LZW TIFF": lambda: encode(Image.new("RGB", (6_300, 6_300)), "TIFF", compression="tiff_lzw"),
    "16-bit RGB TIFF in one strip": lambda: tiff(5_000, 4_000, bits=16),
    "CMYK TIFF": lambda: encode(Image.new("CMYK", (5_200, 5_200)), "TIFF", compression="packbits"),
    "turned TIFF": lambda: encode(Image.new("RGB", (5_600, 5_600)), "TIFF", compression="packbits", tiffinfo={274: 6}),
    "AVIF": lambda: encode(Image.new("RGB", (5_000, 4_600)), "AVIF", subsampling="4:4:4", speed=10),
    "AVIF with alpha": lambda: encode(Image.new("RGBA", (5_000, 4_200)), "AVIF", speed=10),
}


@pytest.mark.parametrize("kind", AT_THE_CAPS)
def test_at_the_caps_a_decoder_stays_below_300_mb(decoders: Decoders, kind: str) -> None:
    assert decoders.prepare(AT_THE_CAPS[kind](), FASHION_MNIST).shape == (28, 28, 1)

    assert peak() < LIMIT
