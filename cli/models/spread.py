"""`--folds` and `--seeds`: several trainings instead of one, to see how much is chance. No bundle comes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from model.training.crossvalidation import Part


def check(folds: int, seeds: int) -> None:
    """Raises typer.BadParameter unless one of them is 0 and the other is none or several."""
    if folds and seeds:
        raise typer.BadParameter("give one of them, not both", param_hint="--folds, --seeds")
    if 1 in (folds, seeds):
        raise typer.BadParameter("a spread needs two at least", param_hint="--folds, --seeds")


def measured(
    parts: Iterable[Part], categories: int, epochs: int, out: Path, *, resume: bool, known: Mapping[str, Any]
) -> str:
    """Train each part and say what each came to. Checkpoints and spread.json lie in a folder beside `out`.

    `known` are `start` and `teachers` of `model.training.crossvalidation.measure`.
    """
    from cli.progress import training_bar
    from model.training import crossvalidation

    beside = out.with_name(f"{out.name}-spread")
    with training_bar(epochs) as show:
        spread = crossvalidation.measure(
            parts,
            categories,
            folder=beside,
            resume=resume,
            **known,
            report=lambda part, progress: show(progress, part.name),
        )
    written = beside / "spread.json"
    written.write_text(json.dumps(spread.as_json(), indent=2) + "\n", encoding="utf-8")
    lines = [f"{name}: {accuracy:.2%} of what was held out right" for name, accuracy in spread.accuracies.items()]
    summary = f"mean {spread.mean:.2%}, standard deviation {spread.deviation:.2%}"
    return "\n".join([*lines, f"{summary}; written to {written}"])
