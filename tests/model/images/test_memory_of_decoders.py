"""A decoder process stays below 300 MB with any image within the caps, and large images come out like small ones."""

import functools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from model.images import colour
from model.images.decoder_pool import Decoders
from model.images.decoding import ImageRejected, decode
from model.images.preprocessing import FASHION_MNIST, photograph
from tests.model.pictures import encode, noise

EDGE = 6_300
LIMIT = 300_000_000


def png(depth: int, colour_type: int, channels: int, *chunks: bytes) -> bytes:
    """A PNG of almost 40 million pixels, in a few kB: each row a ramp, so that a garment is seen on an even ground."""
    row = b"\0" + (b"\xf0" * (EDGE // 3) + b"\x20" * (EDGE - 2 * (EDGE // 3)) + b"\xf0" * (EDGE // 3)) * (
        channels * depth // 8
    )
    pixels = repeated(row, EDGE)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", EDGE, EDGE, depth, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def repeated(row: bytes, count: int) -> bytes:
    """Compress a row repeated so often, by repeating what is compressed: after a full flush nothing refers back."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    ten_rows = packer.compress(row * 10) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = functools.reduce(lambda value, _: zlib.adler32(row, value), range(count), 1)
    return b"\x78\xda" + ten_rows * (count // 10) + packer.flush() + struct.pack(">I", checksum)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def flat(mode: str, kind: str, **options: object) -> bytes:
    return encode(Image.new(mode, (EDGE, EDGE), 70 if mode == "L" else None), kind, **options)


PALETTE = chunk(b"PLTE", bytes(range(256)) * 3)
CLEAR = chunk(b"tRNS", bytes(100))
TURNED = chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0")
AT_THE_CAPS = {
    "grey PNG": lambda: png(8, 0, 1),
    "16-bit grey PNG": lambda: png(16, 0, 1),
    "RGB PNG": lambda: png(8, 2, 3),
    "RGB PNG with a clear colour": lambda: png(8, 2, 3, chunk(b"tRNS", bytes(6))),
    "16-bit RGB PNG": lambda: png(16, 2, 3),
    "PNG with a palette": lambda: png(8, 3, 1, PALETTE),
    "PNG with a clear palette": lambda: png(8, 3, 1, PALETTE, CLEAR),
    "grey PNG with alpha": lambda: png(8, 4, 2),
    "RGBA PNG": lambda: png(8, 6, 4),
    "16-bit RGBA PNG": lambda: png(16, 6, 4),
    "turned grey PNG": lambda: png(8, 0, 1, TURNED),
    "progressive JPEG": lambda: flat("RGB", "JPEG", progressive=True, subsampling=0),
    "JPEG": lambda: flat("RGB", "JPEG"),
    "CMYK JPEG": lambda: flat("CMYK", "JPEG"),
    "GIF": lambda: flat("P", "GIF"),
    "bitmap with a palette": lambda: encode(Image.new("P", (EDGE, EDGE), 3), "BMP"),
}
REFUSED = {
    "turned RGB PNG": lambda: png(8, 2, 3, TURNED),
    "WebP": lambda: encode(Image.new("RGB", (EDGE, EDGE)), "WEBP", method=0),
    "lossless WebP": lambda: encode(Image.new("RGBA", (EDGE, EDGE)), "WEBP", lossless=True, method=0),
    "progressive CMYK JPEG": lambda: flat("CMYK", "JPEG", progressive=True, subsampling=0),
}


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    pool = Decoders(1, deadline_s=120)
    yield pool
    pool.close()


def peak() -> int:
    """The most memory that the one decoder has had, in bytes."""
    (decoder,) = (child for child in psutil.Process().children() if "decoder_process" in " ".join(child.cmdline()))
    status = Path(f"/proc/{decoder.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.parametrize("kind", AT_THE_CAPS)
def test_at_the_caps_a_decoder_stays_below_300_mb(decoders: Decoders, kind: str) -> None:
    data = AT_THE_CAPS[kind]()

    assert decoders.prepare(data, FASHION_MNIST).shape == (28, 28, 1)

    assert peak() < LIMIT


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_take_more_is_refused_and_says_so(decoders: Decoders, kind: str) -> None:
    with pytest.raises(ImageRejected, match=r"6300×6300 of its kind takes .* MB") as rejected:
        decoders.prepare(REFUSED[kind](), FASHION_MNIST)

    assert rejected.value.reason == "too_many_pixels"
    assert peak() < LIMIT


@pytest.mark.parametrize("kind", ["lossless", "lossy"])
def test_a_webp_of_twenty_million_pixels_is_decoded(decoders: Decoders, kind: str) -> None:
    data = encode(Image.new("RGB", (5_000, 4_000), (9, 90, 200)), "WEBP", lossless=kind == "lossless", method=0)

    assert decoders.prepare(data, photograph(160)).shape == (160, 160, 3)
    assert peak() < LIMIT


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "I;16", "1"])
@pytest.mark.parametrize("transparency", [None, 7])
def test_strips_come_out_like_the_whole(mode: str, transparency: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.random.default_rng(1).integers(0, 65_535, (70, 50)).astype(np.uint16))
    else:
        image = noise(3, (50, 70), 4).convert(mode) if mode != "P" else noise(3, (50, 70)).quantize(64)
    key = transparency if mode != "RGB" or transparency is None else (1, 2, 3)
    data = encode(image, "PNG", **({} if key is None or mode in ("LA", "RGBA") else {"transparency": key}))

    whole = decode(data)
    monkeypatch.setattr(colour, "STRIP", 500)
    strips = decode(data)

    assert (strips.mode, strips.size) == (whole.mode, whole.size)
    assert strips.tobytes() == whole.tobytes()
