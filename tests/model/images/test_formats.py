"""TIFF, AVIF and HEIC: upright, in their colours, on white; what is rare among them has its reason."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from model.images.decoding import ImageRejected, decode
from model.images.formats import heif
from tests.model.images.tiffs import tiff
from tests.model.pictures import encode, photograph

pillow_heif.register_heif_opener()


def turned() -> Image.Image:
    """Draw an image that is red at the left of its top, and lies on its side by its EXIF."""
    image = Image.new("RGB", (400, 300), (255, 255, 255))
    image.paste((200, 0, 0), (0, 0, 200, 150))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.info["exif"] = exif.tobytes()
    return image


FORMATS: dict[str, dict[str, Any]] = {
    "TIFF": {},
    "LZW": {"compression": "tiff_lzw"},
    "deflate": {"compression": "tiff_adobe_deflate"},
    "PackBits": {"compression": "packbits"},
    "JPEG in TIFF": {"compression": "jpeg", "quality": 95},
    "AVIF": {"quality": 95},
    "HEIF": {"quality": 95},
}


def encoded(image: Image.Image, name: str, **options: Any) -> bytes:
    return encode(image, name if name in ("AVIF", "HEIF") else "TIFF", **FORMATS[name], **options)


@pytest.mark.parametrize("name", FORMATS)
def test_it_comes_as_rgb_in_its_colours(name: str) -> None:
    image = decode(encoded(photograph(), name))

    assert (image.mode, image.size) == ("RGB", (300, 400))
    assert image.getpixel((2, 2)) == pytest.approx((230, 230, 230), abs=4)
    assert image.getpixel((150, 250)) == pytest.approx((60, 40, 90), abs=8)


@pytest.mark.parametrize("name", ["TIFF", "LZW", "AVIF", "HEIF"])
def test_what_is_transparent_lies_on_white(name: str) -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    clear.paste((200, 0, 0, 255), (16, 16, 48, 48))

    image = decode(encoded(clear, name))

    assert image.getpixel((2, 2)) == pytest.approx((255, 255, 255), abs=2)
    assert image.getpixel((32, 32)) == pytest.approx((200, 0, 0), abs=8)


@pytest.mark.parametrize("name", ["LZW", "AVIF", "HEIF"])
def test_it_is_turned_once(name: str) -> None:
    image = turned()
    options = {"exif": image.info["exif"]} if name != "LZW" else {"tiffinfo": {274: 6}}

    upright = decode(encoded(image, name, **({} if name == "HEIF" else options)))

    assert upright.size == (300, 400)
    assert upright.getpixel((280, 20)) == pytest.approx((200, 0, 0), abs=8)
    assert upright.getpixel((20, 20)) == pytest.approx((255, 255, 255), abs=8)


def test_metadata_that_repeat_the_turn_do_not_turn_it_twice() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'

    assert decode(encode(turned(), "TIFF", tiffinfo={274: 6, 700: xmp})).size == (300, 400)
    assert decode(encode(photograph(), "AVIF", xmp=xmp)).size == (300, 400)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
def test_cmyk_comes_in_its_colours(compression: str | None) -> None:
    data = encode(Image.new("RGB", (32, 32), (220, 20, 20)).convert("CMYK"), "TIFF", compression=compression)

    assert decode(data).getpixel((9, 9)) == pytest.approx((220, 20, 20), abs=12)


@pytest.mark.parametrize(("samples", "compression"), [(1, 8), (3, 8), (3, 1), (4, 8)])
def test_sixteen_bits_are_scaled(samples: int, compression: int) -> None:
    values = np.full((8, 8, samples), 40_000, "<u2")
    values[..., 3:] = 65_535
    data = values.tobytes() if compression == 1 else zlib.compress(values.tobytes())

    image = decode(tiff(8, 8, bits=16, samples=samples, compression=compression, data=data))

    assert image.getpixel((3, 3)) == (156, 156, 156)


@pytest.mark.parametrize("name", ["LZW", "AVIF", "HEIF"])
def test_a_colour_profile_is_applied(name: str) -> None:
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    wide = wide.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
    swapped = wide.replace(b"rXYZ", b"tmpX", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"tmpX", b"gXYZ", 1)
    green = Image.new("RGB", (64, 64), (10, 200, 10))

    red = decode(encoded(green, name, icc_profile=swapped)).getpixel((9, 9))

    assert red[0] > 150 > red[1]  # type: ignore[index]  # RGB gives a tuple


def test_of_several_pages_or_frames_the_first_counts() -> None:
    first, second = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")

    for kind in ("TIFF", "AVIF"):
        data = encode(first, kind, save_all=True, append_images=[second])
        assert decode(data).getpixel((5, 5)) == pytest.approx((255, 0, 0), abs=8)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (encode(photograph().convert("1"), "TIFF", compression="group4"), "compressed by group4"),
        (encode(photograph(), "TIFF", compression="lzma"), "compressed by lzma"),
        (encode(Image.new("F", (8, 8)), "TIFF"), "mode F"),
        (encode(Image.new("I", (8, 8)), "TIFF"), "mode I"),
        (encode(Image.new("LAB", (8, 8)), "TIFF"), "mode LAB"),
        (tiff(8, 8, compression=60_000), "rare kind"),
        (tiff(8, 8, bits=12), "rare kind"),
    ],
)
def test_a_rare_tiff_is_refused_with_a_remedy(data: bytes, says: str) -> None:
    with pytest.raises(ImageRejected, match=says) as rejected:
        decode(data)

    assert rejected.value.reason == "unsupported_format"
    assert "save it with" in rejected.value.detail


@pytest.mark.parametrize(
    ("module", "kind", "says"),
    [("_heif", "HEIF", r"pip install 'catalogue-tagger\[heic\]'"), ("_avif", "AVIF", "install Pillow from its wheel")],
)
def test_without_its_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str, kind: str, says: str
) -> None:
    monkeypatch.setattr(heif, module, None)

    with pytest.raises(ImageRejected, match=says) as rejected:
        decode(encode(photograph(), kind))

    assert rejected.value.reason == "unsupported_format"


@pytest.mark.parametrize("name", ["LZW", "JPEG in TIFF", "AVIF", "HEIF"])
def test_what_is_cut_off_is_corrupt(name: str) -> None:
    data = encoded(photograph(), name)

    for left in (12, 40, len(data) // 2, len(data) - 40):
        with pytest.raises(ImageRejected) as rejected:
            decode(data[:left])
        assert rejected.value.reason in ("corrupt", "unsupported_format")
