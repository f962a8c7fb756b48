"""`tagger model train`: one network into a bundle, or several to see how much is chance."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.models import clear_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model.bundle import Bundle
    from model.crossvalidation import Spread
    from model.dataset import Dataset
    from model.recipe import Recipe
    from model.training import Progress


def register(app: typer.Typer) -> None:
    """Add the verb to `tagger model`."""
    app.command(epilog="Example: tagger model train fashion-mnist --seed 1 --out bundles/fashion-mnist")(train)


def train(
    data_set: Annotated[str, typer.Argument(help="What to train on: fashion-mnist.")],
    network: Annotated[
        str | None, typer.Option(help="baseline, strided, pooled, residual, fullres, deep or wide.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="How often every image is seen.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and data give the same network.")] = 0,
    teacher: Annotated[
        list[str] | None, typer.Option(help="A bundle to learn from besides the labels; may be given again.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="A bundle of the same network: train it on, gently, on images as they will come.")
    ] = None,
    imitate: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of images made to look like photographs.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside --out.")] = False,
    folds: Annotated[int, typer.Option(min=0, help="Cross-validate on this many folds; no bundle is made.")] = 0,
    seeds: Annotated[int, typer.Option(min=0, help="Train from this many seeds; no bundle is made.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")] = Path("bundles/fashion-mnist"),
    data: Annotated[Path | None, typer.Option(help="Folder of the four *-ubyte.gz files.")] = None,
    mirror: Annotated[
        bool, typer.Option(help="Answer with the mean over an image and its mirror image, at twice the work.")
    ] = True,
    photographs: Annotated[
        Path | None, typer.Option(help='A folder with a sub-folder "hat", of images to be noticed as strange.')
    ] = None,
) -> None:
    """Train a network, calibrate it and save it as a bundle; or train several and say how far they lie apart."""
    _check(data_set, folds, seeds)
    with clear_errors():
        quieten_tensorflow()
        from model import dataset

        lessons = Lessons.of(start, teacher or [])
        chosen = {"epochs": epochs, "imitate": imitate, "seed": seed}
        recipe = lessons.recipe(network, {name: value for name, value in chosen.items() if value is not None})
        images = dataset.load(data)
        typer.echo(_about(images), err=True)
        if folds or seeds:
            typer.echo(_told(_spread(images, recipe, folds, seeds, out, resume, lessons), out))
            return
        about = {"photographs": photographs, "mirror": mirror, "started_from": lessons.started_from}
        bundle = _trained(images, recipe, out, resume, lessons, about)
    test = bundle.metrics["test"]
    typer.echo(f"{bundle.id}: {test['accuracy']:.2%} of {test['images']:,} test images right; saved in {out}")


def _check(data_set: str, folds: int, seeds: int) -> None:
    if data_set != "fashion-mnist":
        raise typer.BadParameter(f"there is no data set {data_set!r}: name fashion-mnist", param_hint="DATA_SET")
    if folds and seeds:
        raise typer.BadParameter("give one of them, not both", param_hint="--folds, --seeds")
    if 1 in (folds, seeds):
        raise typer.BadParameter("a spread needs two at least", param_hint="--folds, --seeds")


@dataclass(frozen=True, slots=True)
class Lessons:
    """The networks that a training starts from and learns from: each keras.Model by its bundle's name.

    `started_from` tells how the first came to be.
    """

    start: Mapping[str, Any]
    teachers: Mapping[str, Any]
    started_from: Mapping[str, Any] | None

    @classmethod
    def of(cls, start: str | None, teachers: Sequence[str]) -> Lessons:
        from model.export import load_network, trained_in

        begun = [_bundle(start)] if start else []
        told = next(({"model": each.id, **each.training} for each in begun), None)
        taught = {each.name: load_network(each.folder) for each in map(_bundle, teachers)}
        return cls({each.name: trained_in(load_network(each.folder)) for each in begun}, taught, told)

    def recipe(self, network: str | None, changes: Mapping[str, Any]) -> Recipe:
        from model.network import DEFAULT
        from model.recipe import recipe_of, refining

        whole = recipe_of(network or DEFAULT, teachers=tuple(self.teachers))
        if self.start:
            return refining(whole, start=next(iter(self.start)), **changes)
        return replace(whole, **changes)

    def as_arguments(self) -> dict[str, Any]:
        """For `model.training.train`."""
        return {"start": next(iter(self.start.values()), None), "teachers": [*self.teachers.values()]}


def _bundle(reference: str) -> Bundle:
    from model import bundle as library

    return library.read(library.find(reference))


def _about(images: Dataset) -> str:
    left_out = ", ".join(f"{count} {why}" for why, count in images.dropped.items() if count) or "none"
    sizes = [len(images.train), len(images.validation), len(images.test)]
    return (
        "{:,} images to train on, {:,} to validate, {:,} to test".format(*sizes)
        + f"; copies left out of training: {left_out.replace('_', ' ')}"
    )


def _trained(
    images: Dataset, recipe: Recipe, out: Path, resume: bool, lessons: Lessons, about: Mapping[str, Any]
) -> Bundle:
    """Train, publish, and leave no checkpoint behind once the bundle is there. `about` goes to `publish`."""
    from model import training
    from model.categories import FASHION_MNIST
    from model.publishing import publish

    checkpoint = out.with_name(f".{out.name}.checkpoint.npz")
    with _Bar(recipe.epochs) as bar:
        trained = training.train(
            images,
            len(FASHION_MNIST),
            recipe,
            checkpoint=checkpoint,
            resume=resume,
            report=bar.show,
            **lessons.as_arguments(),
        )
    typer.echo("calibrating, measuring, exporting …", err=True)
    bundle = publish(trained, images, recipe, out, **about)
    checkpoint.unlink(missing_ok=True)
    return bundle


def _spread(
    images: Dataset, recipe: Recipe, folds: int, seeds: int, out: Path, resume: bool, lessons: Lessons
) -> Spread:
    """Checkpoints and the result lie in a folder beside `out`."""
    from model import crossvalidation
    from model.categories import FASHION_MNIST

    parts = crossvalidation.folds(images, recipe, folds) if folds else crossvalidation.seeds(images, recipe, seeds)
    with _Bar(recipe.epochs) as bar:
        spread = crossvalidation.measure(
            parts,
            len(FASHION_MNIST),
            folder=_beside(out),
            resume=resume,
            **lessons.as_arguments(),
            report=lambda part, progress: bar.show(progress, part.name),
        )
    (_beside(out) / "spread.json").write_text(json.dumps(spread.as_json(), indent=2) + "\n", encoding="utf-8")
    return spread


def _beside(out: Path) -> Path:
    return out.with_name(f"{out.name}-spread")


def _told(spread: Spread, out: Path) -> str:
    lines = [f"{name}: {accuracy:.2%} of what was held out right" for name, accuracy in spread.accuracies.items()]
    summary = f"mean {spread.mean:.2%}, standard deviation {spread.deviation:.2%}"
    return "\n".join([*lines, f"{summary}; written to {_beside(out) / 'spread.json'}"])


def quieten_tensorflow() -> None:
    """Before TensorFlow is imported: no chatter, and oneDNN's convolutions on any processor (docs/experiments.md)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


class _Bar:
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

    def __enter__(self) -> _Bar:
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
