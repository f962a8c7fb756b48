"""`tagger model inspect` called, and what it found by kind."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cli.app import app
from tests.model.pictures import encode, garment

RUN = CliRunner()


def save(path: Path, seed: int, kind: str = "JPEG") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(garment(seed), kind))


def inspected(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
    done = RUN.invoke(app, ["model", "inspect", *map(str, arguments), "--json"])
    assert done.exit_code == code, done.output
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def kinds(result: dict[str, Any]) -> dict[str, list[list[str]]]:
    """Return the names of each finding, by kind."""
    by_kind: dict[str, list[list[str]]] = {}
    for finding in result["findings"]:
        by_kind.setdefault(finding["kind"], []).append(finding["names"])
    return by_kind


def table(path: Path, rows: Iterable[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("key", "category"), *rows])
    return path
