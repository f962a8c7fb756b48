"""The output of `--folds` and `--seeds`: several trainings instead of one, to see how much of a result is chance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.training.crossvalidation import Part


def cross_validate(
    parts: Iterable[Part], categories: int, epochs: int, out: Path, *, resume: bool, teachers: Sequence[Any] = ()
) -> str:
    """Train each part behind a progress bar, and describe the accuracies in lines.

    Checkpoints and spread.json are written to a folder beside `out`; there is no bundle.
    """
    from cli.progress import training_bar
    from model.training import crossvalidation

    folder = out.with_name(f"{out.name}-spread")
    with training_bar(epochs) as show:
        spread = crossvalidation.measure(
            parts,
            categories,
            folder=folder,
            resume=resume,
            teachers=teachers,
            report=lambda part, progress: show(progress, part.name),
        )
    file = folder / "spread.json"
    file.write_text(json.dumps(spread.as_json(), indent=2) + "\n", encoding="utf-8")
    lines = [f"{name}: {accuracy:.2%} of held-out images right" for name, accuracy in spread.accuracies.items()]
    summary = f"mean {spread.mean:.2%}, standard deviation {spread.deviation:.2%}"
    return "\n".join([*lines, f"{summary}; written to {file}"])
