"""Train with a progress bar, and publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from model.bundle import Bundle
    from model.data.dataset import Dataset
    from model.training.loop import Trained
    from model.training.publishing.task import BundleSpec
    from model.training.recipe import Recipe


def trained_and_published(
    data: Dataset,
    recipe: Recipe,
    out: Path,
    task: BundleSpec,
    *,
    resume: bool,
    mirror: bool,
    started_from: Mapping[str, Any] | None,
    start: Any = None,
    teachers: Sequence[Any] = (),
) -> Bundle:
    """Train, publish, and leave no checkpoint behind once the bundle is there.

    `start` and `teachers` are as in `loop.train`, the others as in `publish.publish`.
    """
    from cli.progress import training_bar
    from model.training import loop

    checkpoint = out.with_name(f".{out.name}.checkpoint.npz")
    with training_bar(recipe.epochs) as show:
        trained = loop.train(
            data,
            len(task.categories),
            recipe,
            checkpoint=checkpoint,
            resume=resume,
            report=lambda progress: show(progress, ""),
            start=start,
            teachers=teachers,
        )
    bundle = published(trained, data, recipe, out, task, mirror=mirror, started_from=started_from)
    checkpoint.unlink(missing_ok=True)
    return bundle


def published(
    trained: Trained,
    data: Dataset,
    recipe: Recipe,
    out: Path,
    task: BundleSpec,
    *,
    mirror: bool,
    started_from: Mapping[str, Any] | None,
) -> Bundle:
    """As `model.training.publishing.publish.publish`, and says so, as it takes minutes."""
    from model.training.publishing.publish import publish

    typer.echo("calibrating, measuring, exporting …", err=True)
    return publish(trained, data, recipe, out, task, mirror=mirror, started_from=started_from)
