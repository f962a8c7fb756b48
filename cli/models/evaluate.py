"""`tagger model evaluate`: how good a bundle is, on Fashion-MNIST's test images or on one's own photographs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import load_settings, named_bundle
from cli.options import NAMED, AsJson, Bundles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model.bundle import Bundle
    from model.decisions.thresholds import ReviewPolicy
    from model.evaluation.assessment import EvaluationResult
    from model.evaluation.evaluation_sets import EvaluationSet

FASHION_MNIST = "fashion-mnist"


def evaluate(
    bundle: Annotated[str | None, typer.Argument(help=NAMED)] = None,
    data: Annotated[
        str,
        typer.Option(
            help="fashion-mnist (its test images), or a folder with a sub-folder of images for each category."
        ),
    ] = FASHION_MNIST,
    mapped: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FOLDERNAME=CATEGORY", help="What a sub-folder holds; may be given again."),
    ] = None,
    photographs: Annotated[
        Path | None,
        typer.Option(help='With fashion-mnist: a folder with a sub-folder "hat", of images that should be flagged.'),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html, JSON, CSV and PNG. Default: evaluations/NAME-VERSION.")
    ] = None,
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Measure how good a bundle is on labelled images, and write a report for people."""
    from model.evaluation.report import report, wording

    names = _categories_of_folders(mapped or [])
    settings = load_settings(model=bundle)
    evaluated = named_bundle(settings, bundles)
    folder = out or Path("evaluations") / f"{evaluated.name}-{evaluated.version}"
    if folder.resolve().is_relative_to(evaluated.folder.resolve()):
        raise typer.BadParameter("a bundle is sealed: name a folder outside of it", param_hint="--out")
    result = _evaluated(evaluated, _evaluation_set(evaluated, data, names, photographs), settings.review_policy)
    report.write(folder, result)
    page = folder / report.PAGE
    if as_json:
        typer.echo(json.dumps(result.as_json() | {"report": str(page)}, ensure_ascii=False))
        return
    for line in (*wording.lines(result), f"report       {page}"):
        typer.echo(line)


def _categories_of_folders(mapped: Sequence[str]) -> dict[str, str]:
    """Parse --map: the category of each sub-folder."""
    for option in mapped:
        if not all(option.partition("=")):
            raise typer.BadParameter(f"{option!r} is not FOLDERNAME=CATEGORY, as pants=Trouser", param_hint="--map")
    return dict(option.split("=", 1) for option in mapped)


def _evaluation_set(bundle: Bundle, data: str, names: Mapping[str, str], photographs: Path | None) -> EvaluationSet:
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


def _evaluated(bundle: Bundle, evaluation_set: EvaluationSet, policy: ReviewPolicy) -> EvaluationResult:
    from model.evaluation.assessment import evaluate_bundle
    from model.runtimes import has_tensorflow
    from model.training.device import import_tensorflow

    typer.echo(f"measuring on {len(evaluation_set.names):,} images …", err=True)
    import_tensorflow()
    return evaluate_bundle(bundle, evaluation_set, policy, reference=has_tensorflow())
