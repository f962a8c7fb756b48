"""The findings of an inspection as inspection.html, with pictures, and inspection.json."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.data.inspection.findings import KINDS, Finding, by_kind
from model.data.inspection.inspect import Inspection
from model.data.photographs import SPLITS, Photograph
from model.evaluation.report.page import filled, photograph
from model.images.decoding import ImageRejected

PAGE = "inspection.html"
FIGURES = "inspection.json"
SHOWN = 30  # findings of a kind on the page
PICTURES = 6  # of a finding
EDGE = 240  # pixels; shown at half of that, for screens of twice the density
QUALITY = 75  # of JPEG
PICTURED = ("same_in_two_categories", "same_in_two_splits", "repeated", "look_alike", "product_in_two_splits")


def write(folder: Path, inspection: Inspection, photographs: Sequence[Photograph]) -> Path:
    """Write both into `folder`, leaving other files there alone, and return the page.

    `photographs` are the inspected ones; those on the page are read once more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(inspection.as_json(), indent=2, ensure_ascii=False)
    (folder / FIGURES).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    (folder / PAGE).write_text(render(inspection, photographs), encoding="utf-8", errors="backslashreplace")
    return folder / PAGE


def render(inspection: Inspection, photographs: Sequence[Photograph]) -> str:
    """Render the page with every picture in it."""
    by_name = {photograph.name: photograph for photograph in photographs}
    sections = [
        {
            "kind": kind,
            "title": KINDS[kind][0],
            "outcome": KINDS[kind][1],
            "count": len(findings),
            "stops": findings[0].stops,
            "findings": [_finding(finding, by_name) for finding in findings[:SHOWN]],
        }
        for kind, findings in by_kind(inspection.findings).items()
    ]
    return filled(
        PAGE,
        inspection=inspection,
        sections=sections,
        categories=_categories(inspection, photographs),
        splits=[split for split in SPLITS if inspection.splits.get(split)],
        figures=FIGURES,
    )


def _categories(inspection: Inspection, photographs: Sequence[Photograph]) -> list[dict[str, Any]]:
    given = Counter(photograph.category for photograph in photographs)
    by_split = Counter((photograph.category, photograph.split) for photograph in inspection.photographs)
    most = max(inspection.categories.values(), default=0) or 1
    short = {name for finding in inspection.findings if finding.kind == "too_few" for name in finding.names}
    return [
        {
            "name": name,
            "usable": count,
            "left_out": given[name] - count,
            "splits": {split: by_split[name, split] for split in SPLITS},
            "bar": round(100 * count / most, 1),
            "short": name in short,
        }
        for name, count in inspection.categories.items()
    ]


def _finding(finding: Finding, by_name: Mapping[str, Photograph]) -> dict[str, Any]:
    pictured = [by_name[name] for name in finding.names if name in by_name] if finding.kind in PICTURED else []
    return {
        "sentence": finding.sentence,
        "pictures": [
            {"name": photo.name, "category": photo.category, "split": photo.split, "src": _thumbnail(photo)}
            for photo in pictured[:PICTURES]
        ],
        "more": max(0, len(pictured) - PICTURES),
    }


def _thumbnail(photo: Photograph) -> str | None:
    """Return the picture, small, as a data: address; None where it can no longer be read."""
    try:
        data = photo.read()
    except (ImageRejected, OSError):
        return None
    return photograph(data, EDGE, QUALITY)
