"""Pixels decide: what is odd around them refuses no picture, and what is broken in them is named."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from model.images.containers import LONGEST_PROFILE, open_jpeg, open_png
from model.images.decoding import ImageRejected, decode
from tests.model.pictures import encode, noise, photograph

PICTURE = noise(5, (64, 48))
PNG = encode(PICTURE, "PNG")
JPEG = encode(photograph(), "JPEG")
HEAD = 8 + 25  # a PNG's signature and header


def chunk(kind: bytes, body: bytes, *, wrong: int = 0) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) ^ wrong)


def packed(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


ANCILLARY = {
    "a profile of two million zeros": chunk(b"iCCP", b"name\0\0" + packed(2_000_000)),
    "a profile that unpacks to 60 MB": chunk(b"iCCP", b"name\0\0" + packed(60_000_000)),
    "a profile packed in an unknown way": chunk(b"iCCP", b"name\0\x07abc"),
    "a profile without a name": chunk(b"iCCP", b""),
    "a packed text over 1 MB": chunk(b"zTXt", b"Comment\0\0" + packed(3_000_000)),
    "packed EXIF over 1 MB": chunk(b"zTXt", b"Raw profile type exif\0\0" + packed(3_000_000)),
    "EXIF that is no hexadecimal": chunk(b"tEXt", b"Raw profile type exif\0\nexif\n4\nzz zz"),
    "an international text over 1 MB": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed(3_000_000)),
    "120 texts of 50 kB": b"".join(chunk(b"tEXt", b"Key\0" + bytes([65 + n % 26]) * 50_000) for n in range(120)),
    "2,000 packed texts": 2_000 * chunk(b"zTXt", b"Key\0\0" + packed(60_000)),
    "a time with a wrong checksum": chunk(b"tIME", bytes(7), wrong=1),
    "a profile with a wrong checksum": chunk(b"iCCP", b"name\0\0" + packed(400), wrong=1),
    "a gamma of two bytes": chunk(b"gAMA", b"ab"),
    "an unknown chunk with a wrong checksum": chunk(b"abCd", b"?", wrong=0xFFFF),
    "a transparency with a wrong checksum": chunk(b"tRNS", bytes(6), wrong=1),
    "an animation that makes no sense": chunk(b"acTL", b"") + chunk(b"fcTL", bytes(26)),
}


@pytest.mark.parametrize("odd", ANCILLARY)
def test_ancillary_chunks_of_a_png_change_nothing(odd: str) -> None:
    with_chunk = PNG[:HEAD] + ANCILLARY[odd] + PNG[HEAD:]

    assert decode(with_chunk).tobytes() == PICTURE.tobytes()


@pytest.mark.parametrize("odd", ANCILLARY)
def test_nor_do_they_after_the_pixels(odd: str) -> None:
    assert decode(PNG[:-12] + ANCILLARY[odd] + PNG[-12:]).tobytes() == PICTURE.tobytes()


def test_a_profile_of_two_million_bytes_is_applied_and_a_longer_one_is_not() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    long, too_long = profile + bytes(2_000_000), profile + bytes(LONGEST_PROFILE)

    assert open_png(encode(PICTURE, "PNG", icc_profile=long)).info["icc_profile"] == long
    assert open_png(encode(PICTURE, "PNG", icc_profile=too_long)).info["icc_profile"] is None


def test_a_pixel_chunk_with_a_wrong_checksum_is_named() -> None:
    palette = encode(PICTURE.quantize(16), "PNG")
    position = palette.index(b"PLTE")
    broken = palette[: position + 5] + bytes([palette[position + 5] ^ 1]) + palette[position + 6 :]

    with pytest.raises(ImageRejected, match="PLTE"):
        decode(broken)


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"quality": 20, "subsampling": 0}, {"restart_marker_rows": 1}, {"optimize": True}],
)
@pytest.mark.parametrize("seed", range(4))
def test_a_jpeg_that_lacks_only_its_end_marker_is_decoded(options: dict[str, int], seed: int) -> None:
    data = encode(noise(seed, (50 + seed, 70)), "JPEG", **options)

    assert decode(data[:-2]).tobytes() == decode(data[:-1]).tobytes() == decode(data).tobytes()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.97])
def test_a_jpeg_that_lacks_pixels_is_refused(options: dict[str, int], share: float) -> None:
    data = encode(noise(9, (160, 120)), "JPEG", **options)

    with pytest.raises(ImageRejected) as rejected:
        decode(data[: int(share * len(data))])

    assert rejected.value.reason == "corrupt"


@pytest.mark.parametrize("size", [(30, 20), (257, 90), (700, 500)])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_gif_without_its_trailer_is_decoded(size: tuple[int, int], cut: int) -> None:
    data = encode(noise(3, size), "GIF")

    assert decode(data[:-cut]).tobytes() == decode(data).tobytes()


@pytest.mark.parametrize(
    "segment",
    [b"\xff\xe2\x00\x0eICC_PROFILE\0", b"\xff\xed\x00\x15Photoshop 3.0\x008BIM\4", b"\xff\xe1\x00\x08Exif\0\0"],
)
def test_a_cut_off_segment_of_a_jpeg_changes_nothing(segment: bytes) -> None:
    assert decode(JPEG[:2] + segment + JPEG[2:]).tobytes() == decode(JPEG).tobytes()


def test_fill_bytes_before_a_marker_hide_no_segment() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(photograph(40, 30), "JPEG", exif=exif)
    position = data.index(b"\xff\xe1")

    assert decode(data[:position] + b"\xff\xff" + data[position:]).size == (30, 40)


def with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated; after its end it has what looks like 300 more."""
    data = encode(photograph(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    return data[:-2] + scan * (count - data.count(b"\xff\xda")) + b"\xff\xd9" + b"\xff\xda\0\2" * 300


def test_a_jpeg_of_more_than_a_hundred_scans_is_refused_and_the_detail_says_so() -> None:
    assert decode(with_scans(100)).size == (300, 400)
    with pytest.raises(ImageRejected, match="101 scans") as rejected:
        decode(with_scans(101))
    assert rejected.value.reason == "corrupt"


def test_scans_are_counted_before_anything_is_decoded() -> None:
    frame = encode(Image.new("L", (6_000, 6_000)), "JPEG", progressive=True)
    last = frame.rindex(b"\xff\xda")
    bomb = frame[:last] + 6_000 * frame[last:-2] + frame[-2:]

    with pytest.raises(ImageRejected, match=r"6,\d\d\d scans"):
        decode(bomb)


def test_scans_that_no_decoder_reads_are_not_counted() -> None:
    last = JPEG.rindex(b"\xff\xda")
    repeated = JPEG[:last] + 150 * JPEG[last:-2] + JPEG[-2:]

    assert open_jpeg(repeated).scans == 1
    with pytest.raises(ImageRejected, match="broken data stream"):  # the decoder stops at the second
        decode(repeated)
    assert open_jpeg(with_scans(150)).scans == 150


def test_an_end_marker_inside_a_comment_hides_no_scans() -> None:
    data = with_scans(150)
    first = data.index(b"\xff\xda")
    with pytest.raises(ImageRejected, match="150 scans"):
        decode(data[:first] + b"\xff\xfe\0\6\xff\xd9\xff\xd9" + data[first:])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_the_detail_is_a_sentence_and_no_object(kind: str) -> None:
    data = encode(photograph(), kind)
    for cut in (14, 20, 40, 100, len(data) // 2):
        with pytest.raises(ImageRejected) as rejected:
            decode(data[:cut])

        assert "<_io" not in rejected.value.detail
        assert "0x" not in rejected.value.detail


def test_a_webp_canvas_over_the_cap_is_refused_before_its_decoder_is_made() -> None:
    sink = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 4), np.uint8)).save(sink, "WEBP", lossless=True, exif=b"Exif\0\0II*\0\x08\0\0\0")
    data = bytearray(sink.getvalue())
    data[24:30] = (16_000).to_bytes(3, "little") * 2

    with pytest.raises(ImageRejected) as rejected:
        decode(bytes(data))

    assert rejected.value.reason == "too_many_pixels"
