"""The page of a report, report.html, and what all pages are made with: they open without a network."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape
from PIL import Image

from model.decide import Decisions
from model.decisions.ood import SERVED
from model.evaluation.assessment import EvaluationResult
from model.evaluation.metrics import Confusion
from model.evaluation.ood_metrics import SourceMetrics
from model.evaluation.report import wording
from model.images.decoding import DecodeHints, ImageRejected, decode

TEMPLATES = Path(__file__).parent / "templates"
EXAMPLES = 12  # images shown of each out-of-distribution source
THUMBNAIL = 112
NO_BREAK = "\N{NARROW NO-BREAK SPACE}"
_OPTION = re.compile(r"--[a-z][a-z-]*")


def render(result: EvaluationResult, pictures: Mapping[str, bytes]) -> str:
    """Render the page with everything in it; `pictures` are the PNGs of report.plotted by file name."""
    return filled(
        "report.html",
        result=result,
        metrics=result.metrics,
        categories=_categories(result),
        phrases=wording.phrases(result),
        facts=wording.training(result.bundle),
        limits=wording.limits(result),
        plots={name.removesuffix(".png"): data_uri(picture) for name, picture in pictures.items()},
        confusions=[_confusion(result, confusion) for confusion in result.confusions],
        sources=[_source(result, source) for source in result.ood.sources],
        score=SERVED if SERVED in result.decisions.ood_scores else "energy",
    )


def filled(template: str, **values: Any) -> str:
    """Fill a template; a value that it uses and that is not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "decimals": decimals, "options_whole": options_whole}
    return environment.get_template(template).render(**values)


def percent(share: float, digits: int = 1) -> str:
    """Format 0.9294 as 92.9 %, with a space that does not break."""
    return f"{100 * share:.{digits}f}{NO_BREAK}%"


def decimals(number: float, digits: int = 3) -> str:
    """Format a number with so many digits after the point."""
    return f"{number:.{digits}f}"


def options_whole(sentence: str) -> str:
    """Return markup that keeps each --option of a sentence on one line."""
    return Markup(_OPTION.sub(r'<span class="whole">\g<0></span>', str(escape(sentence))))


def data_uri(picture: bytes, kind: str = "png") -> str:
    """Return a picture as the address of an <img>, so that the page needs no other file (RFC 2397)."""
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode()


def thumbnail(image: npt.NDArray[np.uint8]) -> str:
    """Return uint8[H, W, C] as the network sees it, shrunk to THUMBNAIL pixels if it is larger."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    sink = io.BytesIO()
    picture.save(sink, "PNG", optimize=True)
    return data_uri(sink.getvalue())


def photograph(picture: Image.Image | bytes | None, edge: int, quality: int) -> str | None:
    """Return a picture, or a file's content, as a JPEG of at most `edge` pixels; None if there is none to decode."""
    if picture is None:
        return None
    try:
        image = decode(picture, DecodeHints(edge)) if isinstance(picture, bytes) else picture.convert("RGB")
    except ImageRejected:
        return None
    image.thumbnail((edge, edge))
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=quality)
    return data_uri(sink.getvalue(), "jpeg")


def _categories(result: EvaluationResult) -> list[dict[str, Any]]:
    named = zip(result.metrics.categories.items(), result.rule.thresholds, strict=True)
    return [{"name": name, "metrics": metrics, "threshold": threshold} for (name, metrics), threshold in named]


def _confusion(result: EvaluationResult, confusion: Confusion) -> dict[str, Any]:
    names, shown = result.bundle.categories, result.evaluation_set
    indices = confusion.indices if shown.shown else ()
    return {
        "true": names[confusion.true],
        "predicted": names[confusion.predicted],
        "count": confusion.count,
        "share": confusion.share,
        "images": _thumbnails(shown.images, indices, shown.names, result.decisions, names),
    }


def _source(result: EvaluationResult, metrics: SourceMetrics) -> dict[str, Any]:
    """Add images from all over the source, unless they must not be shown."""
    source, decisions = metrics.source, metrics.decisions
    count = len(decisions) if source.shown else 0
    chosen = np.unique(np.linspace(0, count - 1, min(EXAMPLES, count)).astype(int)).tolist() if count else []
    names = source.names or [""] * len(decisions)
    return {
        "metrics": metrics,
        "name": source.name,
        "count": len(decisions),
        "images": _thumbnails(source.images, chosen, names, decisions, result.bundle.categories),
    }


def _thumbnails(
    images: npt.NDArray[np.uint8],
    indices: Sequence[int],
    names: Sequence[str],
    decisions: Decisions,
    categories: Sequence[str],
) -> list[dict[str, Any]]:
    return [
        {
            "src": thumbnail(images[index]),
            "name": names[index],
            "predicted": categories[int(decisions.predicted[index])],
            "confidence": float(decisions.confidence[index]),
            "reason": str(decisions.reasons[index]),
        }
        for index in indices
    ]
