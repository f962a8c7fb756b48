"""inspection.html and .json: what was found on photographs, with pictures of what contradicts or repeats."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.data.inspection.findings import KINDS, Finding, by_kind
from model.data.inspection.inspect import Inspection
from model.data.photographs import SPLITS, Photograph
from model.evaluation.report import page
from model.evaluation.report.page import filled
from model.images.decoding import ImageRejected

PAGE = "inspection.html"
FIGURES = "inspection.json"
SHOWN = 30  # findings of a kind on the page
PICTURES = 6  # of a finding
EDGE = 240  # pixels, shown at half of that on a screen with two for one
QUALITY = 75  # of JPEG
PICTURED = ("same_in_two_categories", "same_in_two_splits", "repeated", "look_alike", "product_in_two_splits")


def write(folder: Path, found: Inspection, photographs: Sequence[Photograph]) -> Path:
    """Write both into `folder`, of which nothing else changes, and return the page.

    `photographs` are those that were inspected: those on the page are read once more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.as_json(), indent=2, ensure_ascii=False)
    (folder / FIGURES).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    (folder / PAGE).write_text(render(found, photographs), encoding="utf-8", errors="backslashreplace")
    return folder / PAGE


def render(found: Inspection, photographs: Sequence[Photograph]) -> str:
    """The page, every picture in it."""
    by_name = {each.name: each for each in photographs}
    sections = [
        {
            "kind": kind,
            "title": KINDS[kind][0],
            "outcome": KINDS[kind][1],
            "count": len(there),
            "stops": there[0].stops,
            "findings": [_told(each, by_name) for each in there[:SHOWN]],
        }
        for kind, there in by_kind(found.findings).items()
    ]
    return filled(
        PAGE,
        it=found,
        sections=sections,
        categories=_categories(found, photographs),
        splits=[split for split in SPLITS if found.splits.get(split)],
        figures=FIGURES,
    )


def _categories(found: Inspection, photographs: Sequence[Photograph]) -> list[dict[str, Any]]:
    given = Counter(each.category for each in photographs)
    by_split = Counter((each.category, each.split) for each in found.photographs)
    most = max(found.categories.values(), default=0) or 1
    short = {name for each in found.findings if each.kind == "too_few" for name in each.names}
    return [
        {
            "name": name,
            "usable": count,
            "left_out": given[name] - count,
            "splits": {split: by_split[name, split] for split in SPLITS},
            "bar": round(100 * count / most, 1),
            "short": name in short,
        }
        for name, count in found.categories.items()
    ]


def _told(finding: Finding, by_name: Mapping[str, Photograph]) -> dict[str, Any]:
    pictured = [by_name[name] for name in finding.names if name in by_name] if finding.kind in PICTURED else []
    return {
        "sentence": finding.sentence,
        "pictures": [
            {"name": each.name, "category": each.category, "split": each.split, "src": _thumbnail(each)}
            for each in pictured[:PICTURES]
        ],
        "more": max(0, len(pictured) - PICTURES),
    }


def _thumbnail(photograph: Photograph) -> str | None:
    """The whole picture, small, as a data: address; None where it can no longer be had."""
    try:
        data = photograph.read()
    except (ImageRejected, OSError):
        return None
    return page.photograph(data, EDGE, QUALITY)
