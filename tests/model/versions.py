"""Versions of a bundle that is there, which differ in their folder's name and what they remember; no training."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from model import bundle as bundles
from model.bundle import Bundle
from model.decisions.thresholds import ValidationOutcomes


def outcome(images: int, wrong: Collection[int] = ()) -> ValidationOutcomes:
    """Of `images` images, the surest first, those numbered in `wrong` are wrong."""
    correct = np.ones(images, bool)
    correct[list(wrong)] = False
    return ValidationOutcomes(np.linspace(0.99, 0.5, images), np.zeros(images, np.int64), correct)


def with_test(
    source: Path,
    destination: Path,
    tested: ValidationOutcomes | None,
    *,
    test_data: str = "the test images",
    **changes: Any,
) -> Bundle:
    """Copy the bundle `source`; the copy keeps these outcomes of its test, or none, with other `changes`."""
    return _saved(source, destination, {bundles.TEST: tested}, test_data if tested else None, changes)


def with_validation(source: Path, destination: Path, validation: ValidationOutcomes | None, **changes: Any) -> Bundle:
    """Copy the bundle `source`; the copy keeps these outcomes of its validation, or none, with other `changes`."""
    return _saved(source, destination, {bundles.VALIDATION: validation}, None, changes)


def _saved(
    source: Path,
    destination: Path,
    outcomes_of: dict[str, ValidationOutcomes | None],
    test_data: str | None,
    changes: dict[str, Any],
) -> Bundle:
    before = bundles.read(source)
    aside = Path(shutil.copytree(source, destination.with_name(f".making-{destination.name}")))
    for name, outcomes in outcomes_of.items():
        (aside / name).unlink(missing_ok=True)
        if outcomes is not None:
            outcomes.write(aside / name)
    metrics = {name: value for name, value in before.metrics.items() if name != "test_data"}
    metrics |= {"made_as": destination.name} | ({} if test_data is None else {"test_data": test_data})
    return bundles.save(replace(before, folder=aside, metrics=metrics, **changes), destination)
