"""Decoding: bytes from anywhere -> an upright RGB image, or the reason why not, in training and in serving alike.

No file is trusted: its type is told by its first bytes, only the decoders that are needed are tried, and its size is
checked against caps before any pixel is decoded (a 20,000×20,000 PNG can be 60 bytes long).
"""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from model import ModelError
from model.images.colour import to_rgb
from model.images.containers import MOST_SCANS, Contents, canvas_of_webp, open_jpeg, open_png
from model.images.file_type import DECODED, READ, type_of
from model.images.formats.opened import NotRead, Opened
from model.images.memory import MOST, Reserve, bytes_of, bytes_of_scans, bytes_of_webp, no_limit
from model.images.orientation import turn_upright

_PILLOW = r"PIL\."
_PILLOW_IS_QUIET = ("ignore", None, Warning, re.compile(_PILLOW), 0)
ALMOST_ALL = (
    OSError,  # truncated data; UnidentifiedImageError is one too
    SyntaxError,  # Pillow's word for a broken PNG chunk
    ValueError,
    EOFError,
    LookupError,  # IndexError and KeyError, from malformed palettes and tags
    ArithmeticError,  # OverflowError and ZeroDivisionError, from malformed sizes
    TypeError,
    AttributeError,
    AssertionError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow was seen, or is documented, to raise for bytes that are no sound image."""
_DECODERS: dict[str, type[ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
}
"""Called by name and not through Image.open, which tries several and drops what they say of a broken file."""
_END_OF_JPEG = b"\xff\xd9"
_NOISE = b"".join(bytes(range(7, 251, 11)) + bytes(range(250, 7, -13)) + bytes([0xFF, 0xD0 + n]) for n in range(8))
"""What no decoder takes for zeros, nor for the end of an interval between two restart markers."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Caps that hold before any pixel is decoded."""

    max_bytes: int = 50_000_000
    max_pixels: int = 40_000_000
    max_edge: int = 16_384


class ImageRejected(ModelError):
    """An image that gets no prediction.

    `reason` is empty, too_large, too_many_pixels, unsupported_format or corrupt; `detail` is a sentence for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class DecodeHints:
    """What the caller needs of an image, so that a JPEG can be decoded at less cost.

    With `min_edge` it may come smaller (by 2, 4 or 8), no edge under that many pixels; with `max_edge`, only the longer
    one not under that many. With `grey` besides, its colours may be left out.
    """

    min_edge: int | None = None
    max_edge: int | None = None
    grey: bool = False


DEFAULT_LIMITS = DecodeLimits()
WHOLE = DecodeHints()


def decode(
    data: bytes, hints: DecodeHints = WHOLE, *, limits: DecodeLimits = DEFAULT_LIMITS, reserve: Reserve = no_limit
) -> Image.Image:
    """Decode an image: mode RGB, upright by its EXIF, on white where transparent, its first frame if animated.

    `reserve` is called with the bytes that decoding takes, before it does, and may wait (model.images.memory).
    Raises ImageRejected and nothing else.
    """
    file_type = _accepted_type(data, limits)
    _silence_pillow()
    try:
        images = [_loaded(data, file_type, hints, limits, reserve)]
        del data  # up to 50 MB; and a list, so that no image is kept here once it is turned or converted
        return to_rgb(_upright(images.pop()))
    except (Image.DecompressionBombError, MemoryError) as error:
        raise ImageRejected("too_many_pixels", f"decoding it takes too much memory: {error}") from error
    except ALMOST_ALL as error:
        raise ImageRejected("corrupt", f"the {file_type} data cannot be decoded: {error}") from error


def _silence_pillow() -> None:
    """Turn off Pillow's own cap on pixels, as ours comes first, and its warnings of odd metadata.

    Both hold for the whole process, as all threads share the warning filters.
    """
    Image.MAX_IMAGE_PIXELS = None
    if warnings.filters[:1] != [_PILLOW_IS_QUIET]:
        warnings.filterwarnings("ignore", module=_PILLOW)


def _accepted_type(data: bytes, limits: DecodeLimits) -> str:
    if not data:
        raise ImageRejected("empty", "the file has no bytes")
    if len(data) > limits.max_bytes:
        raise ImageRejected("too_large", f"{len(data):,} bytes are more than {limits.max_bytes:,}")
    file_type = type_of(data)
    if file_type not in DECODED:
        raise ImageRejected("unsupported_format", f"it is {file_type}; {READ} are read")
    return file_type


def _loaded(data: bytes, file_type: str, hints: DecodeHints, limits: DecodeLimits, reserve: Reserve) -> Image.Image:
    if file_type in ("TIFF", "AVIF", "HEIC"):
        opened = _opened(data, file_type)
        del data
        _check_size(opened.size, limits)
        _make_room(opened.needed, opened.size, reserve)
        return opened.load()
    contents = _contents(data, file_type)
    if file_type == "WEBP":
        canvas = canvas_of_webp(data)
        _check_size(canvas, limits)
        _make_room(bytes_of_webp(canvas), canvas, reserve)
        return _webp(data)

    def load(pixels: bytes) -> Image.Image:
        with _DECODERS[file_type](io.BytesIO(pixels), "") as image:
            image.info.update(contents.info)
            size = image.size
            _check_size(size, limits)
            besides = bytes_of_scans(image) if isinstance(image, JpegImageFile) and contents.scans > 1 else 0
            if file_type == "JPEG":
                _shrink_while_decoding(image, hints)
            _make_room(besides + bytes_of(image, turned=_turn(image) is not None), size, reserve)
            image.load()
            return image

    try:
        return load(contents.pixels)
    except OSError:
        if file_type != "JPEG":
            raise
        return _ended(load, contents.pixels)


def _opened(data: bytes, file_type: str) -> Opened:
    """Open a file of the formats whose decoders are loaded when one comes."""
    from model.images.formats import heif, tiff

    try:
        return {"TIFF": tiff.open_tiff, "AVIF": heif.open_avif, "HEIC": heif.open_heic}[file_type](data)
    except NotRead as error:
        raise ImageRejected("unsupported_format", str(error)) from None


def _contents(data: bytes, file_type: str) -> Contents:
    if file_type == "PNG":
        return open_png(data)
    if file_type != "JPEG":
        return Contents(data)
    contents = open_jpeg(data)
    if contents.scans > MOST_SCANS:
        raise ImageRejected("corrupt", f"the JPEG has {contents.scans:,} scans, and over {MOST_SCANS} are no picture")
    return contents


def _make_room(needed: int, size: tuple[int, int], reserve: Reserve) -> None:
    """Refuse what takes more memory than one image may, and wait until there is as much."""
    if needed > MOST:
        raise ImageRejected(
            "too_many_pixels",
            f"decoding {size[0]}×{size[1]} of its kind takes {needed // 10**6} MB, over {MOST // 10**6}",
        )
    reserve(needed)


def _webp(data: bytes) -> Image.Image:
    """Decode the first frame of a WebP, and free its decoder before the pixels are used; Pillow keeps both."""
    with WebPImageFile(io.BytesIO(data), "") as image:
        frame = image._decoder.get_next()
        mode, image._decoder = image.rawmode, None
        if frame is None:
            raise OSError("the first frame cannot be decoded")
    pixels = Image.frombytes(image.mode, image.size, frame[0], "raw", mode)
    pixels.info = image.info
    return pixels


def _ended(load: Callable[[bytes], Image.Image], data: bytes) -> Image.Image:
    """Load a JPEG that lacks its end. If pixels are missing too, they come out otherwise when other bytes follow."""
    data = data.rstrip(b"\xff")  # half of the end marker
    image = load(data + _END_OF_JPEG)
    if image.tobytes() != load(data + _NOISE + _END_OF_JPEG).tobytes():
        raise OSError("the file is cut off: pixels are missing")
    return image


def _check_size(size: tuple[int, int], limits: DecodeLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise ImageRejected("too_many_pixels", f"{width}×{height} is more than {limits.max_pixels:,} pixels")
    if max(size) > limits.max_edge:
        raise ImageRejected("too_many_pixels", f"{width}×{height}: an edge is over {limits.max_edge:,} pixels")


def _shrink_while_decoding(image: Image.Image, hints: DecodeHints) -> None:
    """Let libjpeg leave out detail; the mode stays, so that CMYK still meets its colour profile."""
    if (edge := hints.min_edge or hints.max_edge) is None:
        return
    sides = image.size if hints.min_edge is None else (1, 1)
    width, height = (max(1, side * edge // max(sides)) for side in sides)
    brightness_is_enough = hints.grey and image.mode == "RGB" and "icc_profile" not in image.info
    image.draft("L" if brightness_is_enough else None, (width, height))


def _upright(image: Image.Image) -> Image.Image:
    turn = _turn(image)
    return image if turn is None else image.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return how an image is to be turned by its EXIF, or else its XMP."""
    exif = image.info.get("exif") or image.info.get("raw_exif") or b""
    return turn_upright(exif, image.info.get("xmp") or b"")
