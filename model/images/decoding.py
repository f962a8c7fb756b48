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
from model.images.containers import MOST_SCANS, Contents, canvas_of_webp, open_jpeg, open_png, scans
from model.images.file_type import DECODED, type_of
from model.images.orientation import turn_upright
from model.images.pixel_budget import Reserve, no_limit

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
    "WEBP": WebPImageFile,
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

    With `min_edge` it may come smaller (by 2, 4 or 8), no edge under that many pixels. With `grey` besides, its colours
    may be left out.
    """

    min_edge: int | None = None
    grey: bool = False


DEFAULT_LIMITS = DecodeLimits()
WHOLE = DecodeHints()


def decode(
    data: bytes, hints: DecodeHints = WHOLE, *, limits: DecodeLimits = DEFAULT_LIMITS, reserve: Reserve = no_limit
) -> Image.Image:
    """Decode an image: mode RGB, upright by its EXIF, on white where transparent, its first frame if animated.

    `reserve` is called with the number of pixels before they are decoded, and may wait (model.images.pixel_budget).
    Raises ImageRejected and nothing else.
    """
    file_type = _accepted_type(data, limits)
    _silence_pillow()
    try:
        return _decoded(data, file_type, hints, limits, reserve)
    except (Image.DecompressionBombError, MemoryError) as error:
        raise ImageRejected("too_many_pixels", f"decoding it would take too much memory: {error}") from error
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
        raise ImageRejected("unsupported_format", f"it is {file_type}; JPEG, PNG, WebP, GIF and BMP are read")
    return file_type


def _decoded(data: bytes, file_type: str, hints: DecodeHints, limits: DecodeLimits, reserve: Reserve) -> Image.Image:
    if file_type == "WEBP":
        _check_size(canvas_of_webp(data), limits)  # its decoder takes memory for the canvas as soon as it is made
    contents = _contents(data, file_type)

    def load(pixels: bytes) -> Image.Image:
        with _DECODERS[file_type](io.BytesIO(pixels), "") as image:
            image.info.update(contents.info)
            _check_size(image.size, limits)
            if hints.min_edge is not None and file_type == "JPEG":
                _shrink_while_decoding(image, hints.min_edge, grey=hints.grey)
            reserve(image.width * image.height)
            image.load()
            return image

    try:
        image = load(contents.pixels)
    except OSError:
        if file_type != "JPEG":
            raise
        image = _ended(load, contents.pixels)
    return to_rgb(_upright(image))


def _contents(data: bytes, file_type: str) -> Contents:
    if file_type == "PNG":
        return open_png(data)
    if file_type != "JPEG":
        return Contents(data)
    if (count := scans(data)) > MOST_SCANS:
        raise ImageRejected("corrupt", f"the JPEG has {count:,} scans, and over {MOST_SCANS} are no picture")
    return open_jpeg(data)


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


def _shrink_while_decoding(image: Image.Image, min_edge: int, *, grey: bool) -> None:
    """Let libjpeg leave out detail; the mode stays, so that CMYK still meets its colour profile."""
    brightness_is_enough = grey and image.mode == "RGB" and "icc_profile" not in image.info
    image.draft("L" if brightness_is_enough else None, (min_edge, min_edge))


def _upright(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF says, or else its XMP."""
    exif = image.info.get("exif") or image.info.get("raw_exif") or b""
    turn = turn_upright(exif, image.info.get("xmp") or b"")
    return image if turn is None else image.transpose(turn)
