"""report.html: an evaluation on one page that opens without a network."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.decide import Decisions
from model.decisions.ood import SERVED
from model.evaluation.assessment import EvaluationResult
from model.evaluation.metrics import Confusion
from model.evaluation.ood_metrics import SourceMetrics
from model.evaluation.report import wording
from model.images.decoding import ImageRejected, decode

TEMPLATES = Path(__file__).parent / "templates"
SAMPLES = 12  # images shown of each out-of-distribution source
THUMBNAIL = 112
NO_BREAK = "\N{NARROW NO-BREAK SPACE}"
_OPTION = re.compile(r"--[a-z][a-z-]*")


def render(found: EvaluationResult, pictures: Mapping[str, bytes]) -> str:
    """The page, every picture in it: `pictures` are the PNGs of model.evaluation.report.report.drawn, by file name."""
    return filled(
        "report.html",
        it=found,
        figures=found.metrics,
        categories=_categories(found),
        words=wording.of(found),
        facts=wording.training(found.bundle),
        limits=wording.limits(found),
        plots={name.removesuffix(".png"): data_uri(picture) for name, picture in pictures.items()},
        confusions=[_confusion(found, each) for each in found.confusions],
        ood_sources=[_source(found, each) for each in found.ood.sources],
        score=SERVED if SERVED in found.decisions.ood_scores else "energy",
    )


def filled(template: str, **values: Any) -> str:
    """A page of model/templates; a value that it asks for and that is not given is an error."""
    import jinja2

    around = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    around.filters |= {"percent": percent, "decimals": decimals, "options_whole": options_whole}
    return around.get_template(template).render(**values)


def percent(share: float, digits: int = 1) -> str:
    """0.9294 -> 92.9 %, with a space that does not break."""
    return f"{100 * share:.{digits}f}{NO_BREAK}%"


def decimals(figure: float, digits: int = 3) -> str:
    return f"{figure:.{digits}f}"


def options_whole(sentence: str) -> str:
    """Markup of a sentence whose --options are not broken after their dashes: they are of the class "whole"."""
    from markupsafe import Markup, escape

    return Markup(_OPTION.sub(r'<span class="whole">\g<0></span>', str(escape(sentence))))


def data_uri(picture: bytes, kind: str = "png") -> str:
    """For an <img>, so that the page needs no other file (RFC 2397)."""
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode()


def thumbnail(image: npt.NDArray[np.uint8]) -> str:
    """uint8[H, W, C], as the network saw it: pixel for pixel, or of THUMBNAIL pixels at most."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    sink = io.BytesIO()
    picture.save(sink, "PNG", optimize=True)
    return data_uri(sink.getvalue())


def photograph(picture: Image.Image | bytes, edge: int, quality: int) -> str | None:
    """All of a picture, or of a file's, as a JPEG of `edge` pixels at most in a data: address; None if it is none."""
    try:
        image = decode(picture, min_edge=edge) if isinstance(picture, bytes) else picture.convert("RGB")
    except ImageRejected:
        return None
    image.thumbnail((edge, edge))
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=quality)
    return data_uri(sink.getvalue(), "jpeg")


def _categories(found: EvaluationResult) -> list[dict[str, Any]]:
    named = zip(found.metrics.categories.items(), found.rule.thresholds, strict=True)
    return [{"name": name, "it": category, "threshold": threshold} for (name, category), threshold in named]


def _confusion(found: EvaluationResult, each: Confusion) -> dict[str, Any]:
    names = found.bundle.categories
    return {
        "true": names[each.true],
        "predicted": names[each.predicted],
        "count": each.count,
        "share": each.share,
        "images": _shown(
            found.evaluation_set.images,
            each.indices if found.evaluation_set.shown else (),
            found.evaluation_set.names,
            found.decisions,
            names,
        ),
    }


def _source(found: EvaluationResult, each: SourceMetrics) -> dict[str, Any]:
    """With images from all over the source, or none if it is not to be shown."""
    count = len(each.decisions) if each.source.shown else 0
    chosen = np.unique(np.linspace(0, count - 1, min(SAMPLES, count)).astype(int)).tolist() if count else []
    names = each.source.names or [""] * len(each.decisions)
    return {
        "it": each,
        "count": len(each.decisions),
        "images": _shown(each.source.images, chosen, names, each.decisions, found.bundle.categories),
    }


def _shown(
    images: npt.NDArray[np.uint8],
    indices: Sequence[int],
    names: Sequence[str],
    decisions: Decisions,
    categories: Sequence[str],
) -> list[dict[str, Any]]:
    """Thumbnails of the images at `indices`, with what was said of each."""
    return [
        {
            "src": thumbnail(images[at]),
            "name": names[at],
            "predicted": categories[int(decisions.predicted[at])],
            "confidence": float(decisions.confidence[at]),
            "reason": str(decisions.reasons[at]),
        }
        for at in indices
    ]
