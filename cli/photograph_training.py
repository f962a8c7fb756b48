"""`tagger model train` on one's own photographs: looked through, decoded once, head first, then all of a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.models.inspect import open_photographs, run_inspection

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from model.bundle import Bundle
    from model.data.dataset import Dataset
    from model.data.inspection.inspect import Inspection
    from model.data.photographs import Photograph
    from model.evaluation.evaluation_sets import OodSource
    from model.images.preprocessing import Preprocessing
    from model.training.head import WarmStart
    from model.training.publishing.task import BundleSpec
    from model.training.recipe import Recipe
    from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command was asked for; `per_category` is how many photographs to train on at most, None for all.

    `start` is a bundle whose network is trained on, instead of the backbone's weights and a fitted head.
    """

    data: str
    name: str
    out: Path
    fit: str | None
    images: str | None
    leave_out: Sequence[str]
    per_category: int | None
    start: str | None
    pictures: bool
    mirror: bool
    resume: bool


def name_of(data: str) -> str:
    """What a bundle is called when nobody says: as its folder or table."""
    from worker.labelled_photographs import CATALOGUE

    return data if data == CATALOGUE else Path(data).resolve().stem


def train(wanted: Wanted, recipe: Recipe, settings: Settings) -> Bundle:
    """Train, publish, list doubtful labels. Raises typer.Exit(1) where the photographs cannot be trained on."""
    from cli.training_bar import trained_and_published
    from cli.warm_start import warm_start

    found, left_out = _looked_at(wanted, settings)
    weights, spec = _prepared(wanted, recipe)
    splits = _split(found, recipe.seed, wanted.per_category)
    data = _decoded(found, splits, recipe, spec, settings)
    begun = _begun(data, recipe, weights, spec, len(found.names))
    model, origin = begun.model, _origin(recipe, weights)
    if wanted.start:
        name, model, origin = warm_start(wanted.start)
        recipe = replace(recipe, start=name)
    bundle = trained_and_published(
        data,
        recipe,
        wanted.out,
        _subject(wanted, data, found, splits[2], left_out, spec, settings),
        resume=wanted.resume,
        mirror=wanted.mirror,
        started_from=origin,
        start=model,
    )
    _list_doubtful(wanted, begun, found, splits[0])
    return bundle


def spread_over(wanted: Wanted, recipe: Recipe, settings: Settings, folds: int, seeds: int) -> str:
    """What several trainings come to: on `folds` of training and validation photographs, or from `seeds` seeds.

    Raises typer.Exit(1) where the photographs cannot be trained on.
    """
    import numpy as np

    from cli.models.spread import measured
    from model.training import crossvalidation

    if wanted.start:
        raise typer.BadParameter("its bundle may have seen what is held out", param_hint="--start, --folds, --seeds")
    found, _ = _looked_at(wanted, settings)
    weights, spec = _prepared(wanted, recipe)
    splits = _split(found, recipe.seed, wanted.per_category)
    known = {}
    if folds:
        whole = np.concatenate(splits[:2])
        data = _decoded(found, [whole, splits[1][:0], splits[2][:0]], recipe, spec, settings)
        parts = crossvalidation.photograph_folds(data, found.groups[whole], recipe, spec, weights, folds)
    else:
        data = _decoded(found, splits, recipe, spec, settings)
        known["start"] = _begun(data, recipe, weights, spec, len(found.names)).model
        parts = crossvalidation.seeds(data, recipe, seeds)
    return measured(parts, len(found.names), recipe.epochs, wanted.out, resume=wanted.resume, known=known)


def _prepared(wanted: Wanted, recipe: Recipe) -> tuple[Path, Preprocessing]:
    """The file of the backbone's weights, and how photographs are prepared."""
    from cli.models.backbone import cache_folder
    from model.images import preprocessing
    from model.training.backbones import backbone
    from model.training.recipe import served_size

    spec = preprocessing.photograph(served_size(recipe), wanted.fit or preprocessing.FIT)
    return backbone.find_or_convert(recipe.network, cache_folder(), lambda line: typer.echo(line, err=True)), spec


def _looked_at(wanted: Wanted, settings: Settings) -> tuple[Inspection, list[Photograph]]:
    """The photographs, and those of categories that are left out. Raises typer.Exit(1) where something stops them."""
    photographs, left_out = open_photographs(wanted.data, wanted.images, settings, wanted.leave_out)
    found = run_inspection(wanted.data, photographs, settings, wanted.leave_out)
    for line in found.lines():
        typer.echo(line, err=True)
    if found.stops:
        raise typer.Exit(1)
    return found, left_out


def _subject(
    wanted: Wanted,
    data: Dataset,
    found: Inspection,
    tested: npt.NDArray[np.int64],
    left_out: Sequence[Photograph],
    spec: Preprocessing,
    settings: Settings,
) -> BundleSpec:
    from model.training.publishing import task

    names = [found.photographs[at].name for at in tested]
    strange = _ood_sources(wanted, left_out, spec, settings)
    return task.photographs(data, found.names, spec, wanted.name, names, ood_sources=strange, shown=wanted.pictures)


def _split(found: Inspection, seed: int, per_category: int | None) -> list[npt.NDArray[np.int64]]:
    """Indices of train, validation and test."""
    from model.data import splitting

    given = [each.split for each in found.photographs]
    train, validation, test = splitting.split(found.labels, found.groups, given, seed=seed)
    if per_category:
        train = splitting.at_most(train, found.labels, per_category, seed)
    return [train, validation, test]


def _decoded(
    found: Inspection,
    splits: Sequence[npt.NDArray[np.int64]],
    recipe: Recipe,
    spec: Preprocessing,
    settings: Settings,
) -> Dataset:
    from cli.progress import counter
    from model.data import pixels

    sizes = [len(each) for each in splits]
    typer.echo("{:,} photographs to train on, {:,} to validate, {:,} to test".format(*sizes), err=True)
    with counter("decoding", sum(sizes)) as done:
        return pixels.load(
            found.photographs,
            found.labels,
            splits,
            spec,
            trained=recipe.size,
            limits=settings.decode_limits,
            report_progress=lambda _: done(),
        )


def _begun(data: Dataset, recipe: Recipe, weights: Path, spec: Preprocessing, categories: int) -> WarmStart:
    from model.data import pixels
    from model.training import head

    typer.echo("fitting the head …", err=True)
    served = pixels.as_served(data.train.images, spec)
    begun = head.warm_start(recipe, weights, served, data.train.labels, categories)
    minutes = begun.minutes(recipe.epochs)
    typer.echo(f"then all of {recipe.network}, {recipe.epochs} epochs: about {minutes:.0f} minutes", err=True)
    return begun


def _ood_sources(
    wanted: Wanted, left_out: Sequence[Photograph], spec: Preprocessing, settings: Settings
) -> list[OodSource]:
    """The photographs of each category that is left out: the model should notice that it has no such."""
    import numpy as np

    from model.data.inspection import inspect
    from model.evaluation.evaluation_sets import OodSource
    from model.images.decoding import decode
    from model.images.preprocessing import preprocess

    limits = settings.decode_limits
    sources = []
    for name in wanted.leave_out:
        usable = inspect.inspect([each for each in left_out if each.category == name], limits=limits).photographs
        images = [preprocess(decode(each.read(), spec.hints, limits=limits), spec) for each in usable]
        if images:
            names = tuple(each.name for each in usable)
            sources.append(OodSource(name, np.stack(images), names, wanted.pictures))
    return sources


def _origin(recipe: Recipe, weights: Path) -> dict[str, Any]:
    """Where the backbone's weights come from."""
    from model.training.backbones.weights import provenance

    return {"backbone": recipe.network, **provenance(weights)}


def _list_doubtful(wanted: Wanted, begun: WarmStart, found: Inspection, train: npt.NDArray[np.int64]) -> None:
    """Labels that the other photographs contradict, on a page."""
    from model.data.inspection import label_issues
    from model.evaluation.report import label_page
    from model.images.decoding import ImageRejected

    problems = label_issues.find(begun.features, found.labels[train], found.groups[train], found.names)
    photographs: list[Photograph] = [found.photographs[at] for at in train]

    def picture(at: int) -> bytes | None:
        try:
            return photographs[at].read()
        except (OSError, ImageRejected):
            return None

    place = wanted.out.with_name(f"{wanted.out.name}-labels")
    page = label_page.write(place, problems, [each.name for each in photographs], picture)
    typer.echo(f"{len(problems.issues):,} labels that may be wrong: {page}", err=True)
