"""`tagger model classify`, `list` and `show`: try bundles and see what they are for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import catalogue_if_usable, load_settings, named_bundle
from cli.models.promote import history_as_json, lines_of_history, with_promotions
from cli.options import NAMED, TAXONOMY, AsJson, Bundles
from cli.output import say, tell

if TYPE_CHECKING:
    from model.classifier import Classifier
    from worker.settings import Settings


def classify(
    files: Annotated[list[Path], typer.Argument(help="Photographs.")],
    model: Annotated[str | None, typer.Option(help=NAMED)] = None,
    bundles: Bundles = None,
    show: Annotated[
        Path | None,
        typer.Option(metavar="OUT.png", help="Draw each photograph beside the network's input, into this file."),
    ] = None,
    taxonomy: Annotated[Path | None, typer.Option(metavar="FILE.csv", help=TAXONOMY)] = None,
    coarse: Annotated[
        bool | None,
        typer.Option(
            "--coarse/--no-coarse", help="Fall back to a broader category if need be. Default: TAGGER_COARSE."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Classify photographs: category, confidence, and whether and why they would be reviewed."""
    from model import contact_sheet
    from model.summary import classify_file, line_of_file

    _check_sheet(show, len(files))
    classifier = _classifier(load_settings(model=model, taxonomy=taxonomy, coarse=coarse), bundles)
    rows, drawn = [], []
    for classified in (classify_file(classifier, file) for file in files):
        rows.append(classified.row)
        drawn += [contact_sheet.row(classified)] if show else []
        if not as_json:
            (tell if "error" in classified.row else say)(line_of_file(classified.row))
    if as_json:
        say(json.dumps(rows, ensure_ascii=False))
    if show:
        contact_sheet.save(drawn, show)
        tell(f"drawn in {show}")
    if any("error" in row for row in rows):
        raise typer.Exit(1)


def list_(bundles: Bundles = None, as_json: AsJson = False) -> None:
    """List all bundles: what each is for, which are promoted, and what is wrong with broken ones."""
    from model.bundle import folders_of_bundles
    from model.summary import of_folder

    settings = load_settings()
    folders = bundles or settings.bundle_folders
    rows = with_promotions(
        [of_folder(folder) for folder in folders_of_bundles(folders)], catalogue_if_usable(settings), folders
    )
    if as_json:
        say(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        state = row.get("error") or f"{row['test_accuracy']:.2%} of test images correct, {row['categories']} categories"
        say(f"{row['model']:<32} {'promoted: ' if row['promoted'] else ''}{state}")
        if "purpose" in row:
            say(f"  {row['purpose']}")


def show(
    model: Annotated[str | None, typer.Argument(help=NAMED)] = None, bundles: Bundles = None, as_json: AsJson = False
) -> None:
    """Show a bundle's purpose, categories, accuracy, training, review thresholds and promotions."""
    from model.summary import lines_of_bundle, lines_of_promise, of_bundle, of_promise
    from worker.bundle_lookup import resolve
    from worker.promotion import history

    settings = load_settings(model=model)
    catalogue = catalogue_if_usable(settings)
    bundle = resolve(settings.model, bundles or settings.bundle_folders, catalogue)
    promise = of_promise(bundle, settings.review_policy)
    changes = history(catalogue, bundle.name)
    if as_json:
        about = of_bundle(bundle) | {"promise": promise, "promotions": history_as_json(changes)}
        say(json.dumps(about, ensure_ascii=False))
        return
    for line in (*lines_of_bundle(bundle), *lines_of_promise(promise), *lines_of_history(changes)):
        say(line)


def _check_sheet(show: Path | None, files: int) -> None:
    """Refuse a sheet that could not be written, before any work. An existing file may be somebody's photograph."""
    from model.contact_sheet import MOST, may_write

    if show is None:
        return
    if show.suffix.lower() != ".png":
        raise typer.BadParameter(f"{show} is not a PNG: give a name like seen.png", param_hint="--show")
    if not may_write(show):
        raise typer.BadParameter(f"{show} exists and is not an earlier sheet: give another name", param_hint="--show")
    if files > MOST:
        raise typer.BadParameter(f"a sheet has room for {MOST} photographs, not {files:,}", param_hint="--show")


def _classifier(settings: Settings, bundles: list[Path] | None) -> Classifier:
    """Load the bundle as workers would."""
    from worker.bootstrap import load_classifier, taxonomy_of

    return load_classifier(settings, named_bundle(settings, bundles), taxonomy_of(settings))
