"""A folder in which everything is wrong: each file gets a tag or the right reason, and the run finishes."""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests.e2e.deployment import Deployment


def photo(seed: int = 1) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (90, 60, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def png_header_of(width: int, height: int) -> bytes:
    """Make a PNG that claims a size and has no pixels (PNG specification, sections 5 and 11)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "empty.jpg").touch()
    (bad / "text.jpg").write_text("this is no photograph")
    photo().save(bad / "whole.jpg", quality=95)
    (bad / "truncated.jpg").write_bytes((bad / "whole.jpg").read_bytes()[:2000])
    (bad / "bomb.png").write_bytes(png_header_of(20_000, 20_000))
    Image.fromarray((np.arange(60 * 90, dtype=np.uint16) * 12).reshape(90, 60)).save(bad / "sixteen-bit.png")
    photo().convert("CMYK").save(bad / "cmyk.jpg")
    clear = photo().convert("RGBA")
    clear.putalpha(0)
    clear.save(bad / "transparent.png")
    frames = [photo(seed) for seed in range(3)]
    frames[0].save(bad / "animated.gif", save_all=True, append_images=frames[1:])
    frames[0].save(bad / "animated.webp", save_all=True, append_images=frames[1:])
    rotated = Image.Exif()
    rotated[0x0112] = 6
    photo().save(bad / "rotated.jpg", exif=rotated)
    (bad / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (bad / "phone.jxl").write_bytes(b"\xff\x0a" + bytes(200))
    photo().save(bad / "shop.avif")
    photo().convert("CMYK").save(bad / "studio.tif", compression="tiff_lzw")
    pillow_heif.from_pillow(photo()).save(bad / "phone.heic")
    (bad / "elsewhere").symlink_to(tmp_path)
    photo().save(bad / "unreadable.jpg")
    (bad / "unreadable.jpg").chmod(0)
    photo().save(bad / "a name with 'quotes' \"and\"\nnewline 👗.jpg")
    return bad


EXPECTED = {
    "empty.jpg": "empty",
    "text.jpg": "unsupported_format",
    "truncated.jpg": "corrupt",
    "bomb.png": "too_many_pixels",
    "drawing.svg": "unsupported_format",
    "phone.jxl": "unsupported_format",
    "elsewhere": "unsupported_format",
}
TAGGED = {
    "whole.jpg",
    "sixteen-bit.png",
    "cmyk.jpg",
    "transparent.png",
    "animated.gif",
    "animated.webp",
    "rotated.jpg",
    "shop.avif",
    "studio.tif",
    "phone.heic",
    "a name with 'quotes' \"and\"\nnewline 👗.jpg",
}


def test_every_bad_file_gets_a_tag_or_the_right_reason(embedded: Deployment, folder: Path) -> None:
    result = embedded.json("run", folder)

    reasons = {row["key"]: row["reason"] for row in embedded.json("failures")}
    exported = embedded.tagger("export", "--format", "jsonl").stdout
    tagged = {json.loads(line)["key"] for line in exported.splitlines()}
    if os.geteuid() == 0:  # root reads everything
        assert tagged == TAGGED | {"unreadable.jpg"}
        assert reasons == EXPECTED
    else:
        assert tagged == TAGGED
        assert reasons == EXPECTED | {"unreadable.jpg": "access_denied"}
    assert result["seen"] == result["tagged"] + result["skipped"] == 19
    assert embedded.clean()


def test_failures_name_bucket_key_reason_detail_and_counts(embedded: Deployment, folder: Path) -> None:
    embedded.json("run", folder)

    rows = embedded.json("failures", "--reason", "corrupt")

    assert [row["key"] for row in rows] == ["truncated.jpg"]
    assert {"bucket", "key", "reason", "detail", "failures", "crashes"} <= set(rows[0])
    assert embedded.tagger("failures", "--reason", "nonsense").returncode == 2
