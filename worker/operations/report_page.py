"""The morning report as one HTML file with everything in it, which opens from a mail without a network."""

import io
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from model.images.decoder_pool import DecoderKilled, Decoders
from model.images.decoding import DecodeLimits, ImageRejected
from model.images.preprocessing import photograph
from worker.storage.store import StorageError, Store

TEMPLATES = Path(__file__).parent / "templates"
THUMBNAIL = photograph(160, "letterbox")


def render(report: Mapping[str, Any], store_of: Callable[[str], Store], limits: DecodeLimits) -> str:
    """Fill the page. An image that cannot be read any more is shown by its name alone."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "words": lambda name: name.replace("_", " ")}
    decoders = Decoders(1)
    try:
        pictures = [_thumbnail(image, store_of, decoders, limits) for image in report["least_certain"]]
    finally:
        decoders.close()
    unsure = [image | {"picture": picture} for image, picture in zip(report["least_certain"], pictures, strict=True)]
    return environment.get_template("report.html").render({**report, "least_certain": unsure})


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _thumbnail(
    image: Mapping[str, Any], store_of: Callable[[str], Store], decoders: Decoders, limits: DecodeLimits
) -> str | None:
    """Return a small JPEG as a data URI; None if the image is not to be had."""
    try:
        data = store_of(image["bucket"]).read(image["key"], image["version_token"], max_bytes=limits.max_bytes)
        pixels = decoders.prepare(data, THUMBNAIL, limits)
    except (StorageError, ImageRejected, DecoderKilled):
        return None
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"
