"""The shipped bundle for photographs, used by its name."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from model import bundle
from tests.e2e.deployment import Deployment


@pytest.fixture
def some(photos: Path, tmp_path: Path) -> Path:
    """Every fourth test photograph, below the folder of its category."""
    for photograph in sorted((photos / "test").rglob("*.jpg"))[::4]:
        place = tmp_path / "shop" / photograph.parent.name / photograph.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photograph, place)
    return tmp_path / "shop"


def test_photographs_are_tagged_by_naming_the_bundle(embedded: Deployment, some: Path, tmp_path: Path) -> None:
    claimed = bundle.read(bundle.find("clothing")).metrics["test"]["accuracy"]

    result = embedded.json("run", some, "--model", "clothing")
    exported = embedded.tagger("export", "-o", tmp_path / "tags.csv")

    assert exported.returncode == 0, exported.stderr
    with (tmp_path / "tags.csv").open(newline="", encoding="utf-8") as source:
        rows = list(csv.DictReader(source))
    right = sum(row["category"] == row["key"].split("/")[0] for row in rows) / len(rows)
    assert result["tagged"] == len(rows) > 80
    assert abs(right - claimed) < 3.5 * (claimed * (1 - claimed) / len(rows)) ** 0.5
    assert all(row["model"].startswith("clothing@") for row in rows)
    assert embedded.clean()
