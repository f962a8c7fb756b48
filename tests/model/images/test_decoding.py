"""Bytes -> upright RGB images, or the exact reason why not."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from model.images.decoding import DecodeHints, DecodeLimits, ImageRejected, decode
from tests.model.pictures import encode, noise, photograph, png_header

JPEG = encode(photograph(), "JPEG")
PNG = encode(photograph(60, 80), "PNG")

REJECTED = {
    "nothing": (b"", "empty"),
    "text named .jpg": (b"a shopping list, with eggs\n" * 9, "unsupported_format"),
    "HTML": (b"\n<!DOCTYPE html><html><body>404</body></html>", "unsupported_format"),
    "SVG": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported_format"),
    "PDF": (b"%PDF-1.7\n", "unsupported_format"),
    "JPEG XL": (b"\xff\x0a" + bytes(64), "unsupported_format"),
    "a HEIC's head alone": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "corrupt"),
    "a TIFF's head alone": (b"II*\0\x08\0\0\0", "corrupt"),
    "JPEG 2000": (encode(photograph(32, 32), "JPEG2000"), "unsupported_format"),
    "random bytes": (bytes(np.random.default_rng(0).integers(0, 128, 400, dtype=np.uint8)), "unsupported_format"),
    "a JPEG's first half": (JPEG[: len(JPEG) // 2], "corrupt"),
    "a JPEG's first 12 bytes": (JPEG[:12], "corrupt"),
    "a PNG's first half": (PNG[: len(PNG) // 2], "corrupt"),
    "a PNG's signature alone": (PNG[:8], "corrupt"),
    "a GIF's signature alone": (b"GIF89a", "corrupt"),
    "a WebP's signature alone": (b"RIFF\x10\0\0\0WEBPVP8 ", "corrupt"),
    "a bitmap's signature alone": (b"BM" + bytes(20), "corrupt"),
    "400 million pixels in 70 bytes": (png_header(20_000, 20_000), "too_many_pixels"),
    "one long line": (png_header(20_000, 1), "too_many_pixels"),
    "41 million pixels": (png_header(8_200, 5_000), "too_many_pixels"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_a_bad_file_is_rejected_for_its_reason(name: str) -> None:
    data, reason = REJECTED[name]

    with pytest.raises(ImageRejected) as rejected:
        decode(data)

    assert rejected.value.reason == reason
    assert len(rejected.value.detail) > 10


@pytest.mark.parametrize(
    ("file_type", "word"), [("JPEG XL", "JPEG XL"), ("PDF", "PDF"), ("SVG", "SVG"), ("HTML", "HTML")]
)
def test_the_detail_names_the_format_that_it_is(file_type: str, word: str) -> None:
    with pytest.raises(ImageRejected, match=word):
        decode(REJECTED[file_type][0])


def test_a_file_over_the_cap_is_too_large() -> None:
    with pytest.raises(ImageRejected) as rejected:
        decode(JPEG, limits=DecodeLimits(max_bytes=len(JPEG) - 1))

    assert rejected.value.reason == "too_large"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_the_usual_formats_come_as_rgb(kind: str) -> None:
    image = decode(encode(photograph(), kind))

    assert image.mode == "RGB"
    assert image.size == (300, 400)
    assert abs(image.getpixel((2, 2))[0] - 230) < 6  # type: ignore[index]  # RGB gives a tuple


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P", "L"])
def test_what_is_transparent_lies_on_white(mode: str) -> None:
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    clear.paste((200, 0, 0, 255), (5, 5, 15, 15))
    if mode == "P":
        data = encode(clear.convert("P"), "PNG", transparency=clear.convert("P").getpixel((0, 0)))
    elif mode == "PA":
        data = encode(clear.quantize(8), "PNG")
    elif mode == "L":
        data = encode(clear.convert("L"), "PNG", transparency=0)
    else:
        data = encode(clear.convert(mode), "PNG")

    assert decode(data).getpixel((0, 0)) == (255, 255, 255)
    assert decode(data).getpixel((10, 10)) != (255, 255, 255)


def test_half_transparent_is_half_white() -> None:
    assert decode(encode(Image.new("RGBA", (4, 4), (0, 0, 0, 128)), "PNG")).getpixel((0, 0)) == (127, 127, 127)


def test_sixteen_bits_are_scaled_and_not_clipped_to_white() -> None:
    deep = Image.fromarray(np.full((8, 8), 40_000, np.uint16))

    assert decode(encode(deep, "PNG")).getpixel((3, 3)) == (156, 156, 156)


def test_cmyk_comes_in_its_colours() -> None:
    red = decode(encode(Image.new("RGB", (32, 32), (220, 20, 20)).convert("CMYK"), "JPEG")).getpixel((9, 9))

    assert red == pytest.approx((220, 20, 20), abs=12)


def test_a_grey_jpeg_becomes_rgb() -> None:
    assert decode(encode(photograph().convert("L"), "JPEG")).mode == "RGB"


def test_a_colour_profile_is_applied() -> None:
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = decode(encode(photograph(), "PNG"))

    assert decode(encode(photograph(), "PNG", icc_profile=srgb)).tobytes() == plain.tobytes()
    assert decode(encode(photograph(), "PNG", icc_profile=swapped)).tobytes() == plain.tobytes()  # it cannot apply
    assert decode(encode(photograph(), "PNG", icc_profile=b"nonsense")).tobytes() == plain.tobytes()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])

    assert decode(data).getpixel((8, 8)) == pytest.approx((255, 0, 0), abs=6)


def test_exif_turns_the_picture_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side

    assert decode(encode(photograph(400, 300), "JPEG", exif=exif)).size == (300, 400)


def test_broken_exif_leaves_the_picture_as_it_lies() -> None:
    assert decode(encode(photograph(400, 300), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")).size == (400, 300)


def test_a_jpeg_shrinks_while_decoding_but_not_below_the_edge_asked_for() -> None:
    whole = encode(photograph(600, 800), "JPEG")

    assert decode(whole, DecodeHints(64)).size == (75, 100)
    assert decode(whole, DecodeHints(76)).size == (150, 200)
    assert decode(whole).size == (600, 800)
    assert decode(encode(photograph(50, 60), "JPEG"), DecodeHints(64)).size == (50, 60)


def test_a_bomb_is_refused_without_its_memory() -> None:
    import tracemalloc

    tracemalloc.start()
    with pytest.raises(ImageRejected):
        decode(png_header(16_000, 16_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1_000_000


def _victims() -> list[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 3
    small = photograph(48, 64)
    return [
        encode(small, "JPEG", exif=exif),
        encode(small, "PNG"),
        encode(small.convert("P"), "PNG", transparency=0),
        encode(small, "WEBP"),
        encode(small, "GIF"),
        encode(small.convert("CMYK"), "JPEG"),
        encode(noise(1, channels=4), "PNG"),
        encode(small, "BMP"),
        encode(small, "GIF", save_all=True, append_images=[noise(2, (48, 64))]),
        encode(small, "PNG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
    ]


def test_flipped_bytes_give_an_image_or_a_reason_and_nothing_else() -> None:
    random = np.random.default_rng(20_261_122)
    victims = _victims()
    outcomes = []

    for number in range(500):
        data = bytearray(victims[number % len(victims)])
        for index in random.integers(0, len(data), random.integers(1, 12)):
            data[index] = random.integers(0, 256)
        try:
            outcomes.append(decode(bytes(data), DecodeHints(28)).mode)
        except ImageRejected as rejected:
            outcomes.append(rejected.reason)

    assert set(outcomes) <= {"RGB", "corrupt", "unsupported_format", "too_many_pixels"}
    assert outcomes.count("RGB") > 50
    assert outcomes.count("corrupt") > 50


def test_brightness_alone_is_that_of_the_colours() -> None:
    whole = encode(photograph(600, 800), "JPEG")

    colours = np.asarray(decode(whole, DecodeHints(64)).convert("L"), np.int16)
    brightness = np.asarray(decode(whole, DecodeHints(64, grey=True)).convert("L"), np.int16)

    assert brightness.shape == colours.shape
    assert np.abs(brightness - colours).mean() < 1
