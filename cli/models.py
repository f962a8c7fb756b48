"""`tagger model`: train, look at and try bundles. All that is heavy is imported inside the verbs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from model.bundle import Bundle
    from model.classifier import Classifier, Prediction
    from model.training import Progress

app = typer.Typer(help="Train, look at and try the models that photographs are tagged with.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Bundles = Annotated[list[Path] | None, typer.Option("--bundles", help="A folder of bundles; may be repeated.")]
WHERE = Path("bundles")


@app.command(epilog="Example: tagger model train fashion-mnist --epochs 13 --out bundles/fashion-mnist")
def train(
    data_name: Annotated[str, typer.Argument(metavar="DATA", help="What to train on: fashion-mnist.")],
    network: Annotated[str | None, typer.Option(help="Which network: strided or pooled.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="How often every image is seen.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and data give the same network.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside --out.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")] = WHERE / "fashion-mnist",
    data: Annotated[Path | None, typer.Option(help="Folder of the four *-ubyte.gz files.")] = None,
) -> None:
    """Train a network, calibrate it, and save it as a bundle."""
    if data_name != "fashion-mnist":
        raise typer.BadParameter(f"there is no data set {data_name!r}: name fashion-mnist", param_hint="DATA")
    chosen = {"network": network, "epochs": epochs, "seed": seed}
    _clear_errors(lambda: _train({key: value for key, value in chosen.items() if value is not None}, resume, out, data))


@app.command(epilog="Example: tagger model classify shoe.jpg shirt.png --model fashion-mnist")
def classify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Photographs.")],
    model: Annotated[str, typer.Option(help="A bundle's name, name@version or folder.")] = "fashion-mnist",
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Say what is on photographs, how sure that is, and whether a person would be asked."""
    classifier = _clear_errors(lambda: _classifier(model, bundles or []))
    rows = [_classified(classifier, file) for file in files]
    _print(rows, as_json, _line_of_prediction)
    if any("reason" in row for row in rows):
        raise typer.Exit(1)


@app.command("list", epilog="Example: tagger model list --bundles bundles")
def list_(bundles: Bundles = None, as_json: AsJson = False) -> None:
    """List the bundles there are, the broken ones too."""
    from model.bundle import folders_of_bundles

    _print([_summary(folder) for folder in folders_of_bundles(bundles or [])], as_json, _line_of_bundle)


@app.command(epilog="Example: tagger model show fashion-mnist")
def show(
    model: Annotated[str, typer.Argument(help="A bundle's name, name@version or folder.")] = "fashion-mnist",
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Show a bundle: how it was trained, how good it is, when it asks for a review."""
    import json

    bundle = _clear_errors(lambda: _bundle(model, bundles or []))
    if as_json:
        typer.echo(json.dumps(_details(bundle), ensure_ascii=False))
        return
    for line in _lines_of_details(bundle):
        typer.echo(line)


def _clear_errors[T](work: Callable[[], T]) -> T:
    raise NotImplementedError
