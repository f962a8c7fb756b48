"""AVIF and HEIC, both ISO base media files: the primary image, turned as the container says.

AVIF comes by Pillow's binding of libavif, HEIC by pillow-heif (libheif, libde265), which is an extra. EXIF and XMP have
no say in how an image lies: the container's own properties do, and what repeats them would turn it twice.
"""

import importlib
import re
from typing import Any

from PIL import Image

from model.images.formats.opened import NotRead, Opened
from model.images.orientation import turn_of

AVIF, AVIF_WITH_ALPHA, AVIF_DEEP = 11, 12, 20
"""Bytes a pixel, measured; those of more than 8 bits a sample are worked out."""
HEIC, HEIC_WITH_ALPHA = 10, 13
_AV1_CONFIGURATION = re.compile(rb"(?<=av1C..).", re.DOTALL)
_HIGH_BIT_DEPTH = 0x40
_HEAD = 65_536
MISSING = (
    "it is HEIC, which needs a package more: pip install 'catalogue-tagger[heic]' wherever images are decoded, and"
    " then tagger reprocess --failed --reason unsupported_format"
)


WITHOUT_AVIF = "it is AVIF, which this build of Pillow does not read; install Pillow from its wheel, or save it as JPEG"


def _imported(name: str) -> Any:
    """Import a module that not everybody has; None if it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


_avif, _heif = _imported("PIL._avif"), _imported("pillow_heif")
if _heif is not None:  # one thread, and nothing but the image itself
    _heif.options.DECODE_THREADS = 1
    _heif.options.THUMBNAILS = _heif.options.DEPTH_IMAGES = _heif.options.AUX_IMAGES = False


def open_avif(data: bytes) -> Opened:
    """Read the head of an AVIF; of an animated one the first image counts. Raises NotRead if Pillow lacks it."""
    if _avif is None:
        raise NotRead(WITHOUT_AVIF)
    decoders = [_avif.AvifDecoder(data, "auto", 1)]
    size, _, mode, icc_profile, _, orientation, _ = decoders[0].get_info()

    def load() -> Image.Image:
        """Decode it, and free the decoder before the pixels are used."""
        frame = decoders[0].get_frame(0)
        decoders.clear()
        return _upright(Image.frombytes(mode, size, frame[0]), icc_profile, orientation)

    deep = any(flags[0][0] & _HIGH_BIT_DEPTH for flags in _AV1_CONFIGURATION.finditer(data, 0, _HEAD))
    each = AVIF_DEEP if deep else AVIF_WITH_ALPHA if mode == "RGBA" else AVIF
    return Opened(size, len(data) + each * size[0] * size[1], load)


def open_heic(data: bytes) -> Opened:
    """Read the head of a HEIC. Raises NotRead if the package is missing."""
    if _heif is None:
        raise NotRead(MISSING)
    file = _heif.HeifFile(data, convert_hdr_to_8bit=True, remove_stride=False)
    images = [file[file.primary_index]]
    size = images[0].size
    each = HEIC_WITH_ALPHA if images[0].has_alpha else HEIC

    def load() -> Image.Image:
        image = images.pop()
        pixels = Image.frombytes(image.mode, image.size, image.data, "raw", image.mode, image.stride)
        return _upright(pixels, image.info.get("icc_profile"), 1)  # libheif has turned it

    return Opened(size, len(data) + each * size[0] * size[1], load)


def _upright(image: Image.Image, icc_profile: bytes | None, orientation: int) -> Image.Image:
    turn = turn_of(orientation)
    upright = image if turn is None else image.transpose(turn)
    upright.info = {"icc_profile": icc_profile} if icc_profile else {}
    return upright
