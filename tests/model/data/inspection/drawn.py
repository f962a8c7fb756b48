"""Drawn photographs with labels, and what an inspection found on them."""

from typing import Any

from PIL import Image

from model.data.inspection.findings import Finding
from model.data.inspection.inspect import Inspection
from model.data.photographs import Photograph
from tests.model.pictures import encode, garment


def photograph(name: str, category: str, seed: int | Image.Image, kind: str = "PNG", **fields: Any) -> Photograph:
    image = garment(seed) if isinstance(seed, int) else seed
    return Photograph(name, category, lambda: encode(image, kind), **fields)


def good(category: str, count: int = 10, first: int = 0, **fields: Any) -> list[Photograph]:
    """Return different pictures; those of another category differ, too, if its `first` does by `count`."""
    return [photograph(f"{category}{number}", category, first + number, **fields) for number in range(count)]


def enough() -> list[Photograph]:
    return good("bag") + good("coat", first=10)


def of_kind(result: Inspection, kind: str) -> list[Finding]:
    return [finding for finding in result.findings if finding.kind == kind]
