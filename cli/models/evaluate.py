"""`tagger model evaluate`: how good a bundle is, on Fashion-MNIST's test images or on photographs of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import NAMED, AsJson, Bundles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model.bundle import Bundle
    from model.evaluation.assessment import EvaluationResult
    from model.evaluation.evaluation_sets import EvaluationSet

FASHION_MNIST = "fashion-mnist"


def register(app: typer.Typer) -> None:
    """Add the verb to `tagger model`."""
    example = "Example: tagger model evaluate fashion-mnist --data photos --map pants=Trouser --out evaluation"
    app.command(epilog=example)(evaluate)


def evaluate(
    bundle: Annotated[str | None, typer.Argument(help=NAMED)] = None,
    data: Annotated[
        str,
        typer.Option(help="fashion-mnist (its test images), or a folder with a sub-folder of images a category."),
    ] = FASHION_MNIST,
    mapped: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FOLDERNAME=CATEGORY", help="What a sub-folder holds; may be given again."),
    ] = None,
    photographs: Annotated[
        Path | None,
        typer.Option(help='With fashion-mnist: a folder with a sub-folder "hat", of images to be noticed as strange.'),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html, JSON, CSV and PNG. Default: evaluations/NAME-VERSION.")
    ] = None,
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Measure how good a bundle is on images whose category is known, and write a report that a person can read."""
    from model.evaluation.report import report, wording

    names = _names(mapped or [])
    report.check_installed()
    found = _assessed(bundle, bundles, data, names, photographs, out)
    place = out or _default(found.bundle)
    report.write(place, found)
    page = place / report.PAGE
    if as_json:
        typer.echo(json.dumps(found.as_json() | {"report": str(page)}, ensure_ascii=False))
        return
    for line in wording.lines(found):
        typer.echo(line)
    typer.echo(f"report       {page}")


def _names(mapped: Sequence[str]) -> dict[str, str]:
    """What --map says, category by sub-folder."""
    parts = [each.partition("=") for each in mapped]
    wrong = [each for each, (folder, _, category) in zip(mapped, parts, strict=True) if not folder or not category]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is not FOLDERNAME=CATEGORY, as pants=Trouser", param_hint="--map")
    return {folder: category for folder, _, category in parts}


def _assessed(
    reference: str | None,
    bundles: Sequence[Path] | None,
    data: str,
    names: Mapping[str, str],
    photographs: Path | None,
    out: Path | None,
) -> EvaluationResult:
    """With the version that is promoted and the review policy that is set, as workers tag."""
    from cli.context import bundle_folder, load_settings
    from cli.quiet import quieten_tensorflow
    from model import bundle as library
    from model.evaluation.assessment import evaluate_bundle
    from model.runtimes import has_tensorflow

    settings = load_settings(model=reference)
    bundle = library.read(bundle_folder(settings, bundles))
    _check_out(out, bundle)
    evaluation_set = _sample(bundle, data, names, photographs)
    quieten_tensorflow()
    typer.echo(f"measuring on {len(evaluation_set.names):,} images …", err=True)
    return evaluate_bundle(bundle, evaluation_set, settings.review_policy, reference=has_tensorflow())


def _check_out(out: Path | None, bundle: Bundle) -> None:
    """A bundle is sealed: a file more or less, and it is corrupt."""
    if out is not None and out.resolve().is_relative_to(bundle.folder.resolve()):
        raise typer.BadParameter("a bundle is sealed: name a folder outside of it", param_hint="--out")


def _sample(bundle: Bundle, data: str, names: Mapping[str, str], photographs: Path | None) -> EvaluationSet:
    from model.data import fashion_mnist, pixels
    from model.evaluation import evaluation_sets

    folder = None if data == FASHION_MNIST else Path(data)
    if folder is None or fashion_mnist.holds_files(folder):
        if names:
            raise typer.BadParameter("it is for folders of images; name one with --data", param_hint="--map")
        return evaluation_sets.of_fashion_mnist(fashion_mnist.load_test(folder), bundle.preprocessing, photographs)
    if photographs is not None:
        raise typer.BadParameter("it goes with --data fashion-mnist", param_hint="--photographs")
    return evaluation_sets.of_folder(pixels.read_folder(folder, bundle.categories, bundle.preprocessing, names), folder)


def _default(bundle: Bundle) -> Path:
    return Path("evaluations") / f"{bundle.name}-{bundle.version}"
