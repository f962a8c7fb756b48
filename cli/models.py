"""`tagger model`: train, look at and try bundles. All that is heavy is imported inside the verbs."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from model.bundle import Bundle
    from model.classifier import Classifier
    from model.recipe import Recipe
    from model.training import Progress

app = typer.Typer(help="Train, look at and try the models that photographs are tagged with.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Bundles = Annotated[
    list[Path] | None,
    typer.Option("--bundles", help="A folder of bundles; may be given again. Default: TAGGER_BUNDLES."),
]
NAMED = "A bundle's name, name@version or folder. Default: TAGGER_MODEL."


@app.command(epilog="Example: tagger model train fashion-mnist --seed 1 --out bundles/fashion-mnist")
def train(
    data_set: Annotated[str, typer.Argument(help="What to train on: fashion-mnist.")],
    network: Annotated[str | None, typer.Option(help="strided or pooled.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="How often every image is seen.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and data give the same network.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside --out.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")] = Path("bundles/fashion-mnist"),
    data: Annotated[Path | None, typer.Option(help="Folder of the four *-ubyte.gz files.")] = None,
) -> None:
    """Train a network, calibrate it and save it as a bundle."""
    if data_set != "fashion-mnist":
        raise typer.BadParameter(f"there is no data set {data_set!r}: name fashion-mnist", param_hint="DATA_SET")
    chosen = {"network": network, "epochs": epochs, "seed": seed}
    with _clear_errors():
        bundle = _trained({key: value for key, value in chosen.items() if value is not None}, resume, out, data)
    test = bundle.metrics["test"]
    typer.echo(f"{bundle.id}: {test['accuracy']:.2%} of {test['images']:,} test images right; saved in {out}")


@app.command(epilog="Example: tagger model classify shoe.jpg shirt.png --model fashion-mnist")
def classify(
    files: Annotated[list[Path], typer.Argument(help="Photographs.")],
    model: Annotated[str | None, typer.Option(help=NAMED)] = None,
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Say what is on photographs, how sure that is, and whether a person would be asked."""
    from model.summary import line_of_file, of_file

    with _clear_errors():
        classifier = _classifier(*_named(model, bundles))
    rows = [of_file(classifier, file) for file in files]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
    for row in [] if as_json else rows:
        typer.echo(line_of_file(row), err="error" in row)
    if any("error" in row for row in rows):
        raise typer.Exit(1)


@app.command("list", epilog="Example: tagger model list --bundles bundles")
def list_(bundles: Bundles = None, as_json: AsJson = False) -> None:
    """List the bundles that there are, broken ones with what is wrong with them."""
    from model.bundle import folders_of_bundles
    from model.summary import of_folder

    rows = [of_folder(folder) for folder in folders_of_bundles(_named(None, bundles)[1])]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        state = row.get("error") or f"{row['test_accuracy']:.2%} of test right, {row['categories']} categories"
        typer.echo(f"{row['model']:<32} {state}")


@app.command(epilog="Example: tagger model show fashion-mnist")
def show(
    model: Annotated[str | None, typer.Argument(help=NAMED)] = None,
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Show how a bundle was trained, how good it is, and when it asks for a review."""
    from model import bundle as library
    from model.summary import lines_of_bundle, of_bundle

    with _clear_errors():
        reference, folders = _named(model, bundles)
        bundle = library.read(library.find(reference, folders=folders))
    if as_json:
        typer.echo(json.dumps(of_bundle(bundle), ensure_ascii=False))
        return
    for line in lines_of_bundle(bundle):
        typer.echo(line)


@contextlib.contextmanager
def _clear_errors() -> Iterator[None]:
    """What a person can mend is told in one line, with exit code 3."""
    from model.bundle import BundleError
    from model.dataset import DataMissing
    from model.network import NetworkUnknown
    from model.publishing import RuntimesDisagree
    from model.training import CheckpointMismatch

    try:
        yield
    except NetworkUnknown as error:
        raise typer.BadParameter(str(error), param_hint="--network") from error
    except (BundleError, DataMissing, CheckpointMismatch, RuntimesDisagree) as error:
        typer.echo(f"tagger: {error}", err=True)
        raise typer.Exit(3) from error
    except ModuleNotFoundError as error:
        typer.echo(f"tagger: training needs {error.name}: pip install 'catalogue-tagger[train]'", err=True)
        raise typer.Exit(3) from error


def _trained(chosen: Mapping[str, Any], resume: bool, out: Path, data: Path | None) -> Bundle:
    """Train, publish, and leave no checkpoint behind once the bundle is there."""
    _quieten_tensorflow()
    from model import dataset, training
    from model.categories import FASHION_MNIST
    from model.publishing import publish
    from model.recipe import Recipe

    recipe = Recipe(**chosen)
    images = dataset.load(data)
    checkpoint = out.with_name(f".{out.name}.checkpoint.npz")
    with _Bar(recipe) as bar:
        trained = training.train(
            images, len(FASHION_MNIST), recipe, checkpoint=checkpoint, resume=resume, report=bar.show
        )
    typer.echo("calibrating, measuring, exporting …", err=True)
    bundle = publish(trained, images, recipe, out)
    checkpoint.unlink(missing_ok=True)
    return bundle


def _quieten_tensorflow() -> None:
    """Before TensorFlow is imported: no chatter, and oneDNN's convolutions on any processor (docs/experiments.md)."""
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


class _Bar:
    """A progress bar of a training: step, loss, time left; a line for each epoch."""

    def __init__(self, recipe: Recipe) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._epochs = recipe.epochs
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

    def show(self, at: Progress) -> None:
        minutes, seconds = divmod(round(at.seconds_left), 60)
        self._progress.update(
            self._task,
            completed=at.step,
            total=at.steps,
            description=f"epoch {at.epoch}/{self._epochs}, loss {at.loss:.3f}",
            left=f"{minutes}:{seconds:02} left",
        )
        if at.validation_accuracy is not None:
            self._progress.console.print(f"epoch {at.epoch}: {at.validation_accuracy:.2%} of validation right")


def _named(model: str | None, bundles: list[Path] | None) -> tuple[str, Sequence[Path]]:
    """The bundle and the folders to look in: as given, else as set."""
    from cli.opening import load_settings

    settings = load_settings(model=model)
    return settings.model, bundles or settings.bundle_folders


def _classifier(model: str, folders: Sequence[Path]) -> Classifier:
    from model.bundle import find
    from model.classifier import Classifier

    return Classifier.load(find(model, folders=folders))
