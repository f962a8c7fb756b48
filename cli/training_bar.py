"""A training on the terminal: its progress, and what there is to see until the bundle is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from model.bundle import Bundle
    from model.data.dataset import Dataset
    from model.training.loop import Progress, Trained
    from model.training.publishing.task import Subject
    from model.training.recipe import Recipe


def trained_and_published(
    data: Dataset,
    recipe: Recipe,
    out: Path,
    subject: Subject,
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
    from model.training import loop

    checkpoint = out.with_name(f".{out.name}.checkpoint.npz")
    with Bar(recipe.epochs) as bar:
        trained = loop.train(
            data,
            len(subject.categories),
            recipe,
            checkpoint=checkpoint,
            resume=resume,
            report=bar.show,
            start=start,
            teachers=teachers,
        )
    bundle = published(trained, data, recipe, out, subject, mirror=mirror, started_from=started_from)
    checkpoint.unlink(missing_ok=True)
    return bundle


def published(
    trained: Trained,
    data: Dataset,
    recipe: Recipe,
    out: Path,
    subject: Subject,
    *,
    mirror: bool,
    started_from: Mapping[str, Any] | None,
) -> Bundle:
    """As `model.training.publishing.publish.publish`, and says so, as it takes minutes."""
    from model.training.publishing.publish import publish

    typer.echo("calibrating, measuring, exporting …", err=True)
    return publish(trained, data, recipe, out, subject, mirror=mirror, started_from=started_from)


class Bar:
    """A progress bar of a training: step, loss, time left; a line for each epoch."""

    def __init__(self, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._epochs = epochs
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("training", total=None, left="")

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, at: Progress, part: str = "") -> None:
        minutes, seconds = divmod(round(at.seconds_left), 60)
        name = f"{part}, epoch" if part else "epoch"
        self._progress.update(
            self._task,
            completed=at.step,
            total=at.steps,
            description=f"{name} {at.epoch}/{self._epochs}, loss {at.loss:.3f}",
            left=f"{minutes}:{seconds:02} left",
        )
        if at.validation_accuracy is not None:
            self._progress.console.print(f"{name} {at.epoch}: {at.validation_accuracy:.2%} of validation right")
