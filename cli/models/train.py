"""`tagger model train`: one network into a bundle, or several to see how much is chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cli.context import load_settings
from cli.models.backbone import cache_folder
from cli.models.inspect import open_photographs, run_inspection
from cli.models.spread import cross_validate
from cli.models.train_request import FASHION_MNIST, TrainRequest, with_options_of
from cli.output import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.bundle import Bundle
    from model.data.dataset import Dataset
    from model.data.inspection.inspect import Inspection
    from model.data.photographs import Photograph
    from model.training.fine_tuning import FineTuning, Reporting
    from model.training.recipe import Recipe
    from worker.settings import Settings


@with_options_of(TrainRequest)
def train(request: TrainRequest) -> None:
    """Train a network, calibrate it and save it as a bundle; or train several and report how much is chance."""
    request.check()
    on_data = _train_on_fashion_mnist if request.data_set == FASHION_MNIST else _train_on_photographs
    bundle = on_data(request)
    if bundle is not None:
        test = bundle.metrics["test"]
        accuracy = f"{test['accuracy']:.2%} of {test['images']:,} test images right"
        typer.echo(f"{bundle.id}: {accuracy}; saved in {request.bundle}")


def _train_on_photographs(request: TrainRequest) -> Bundle | None:
    from model.training.device import import_tensorflow

    recipe, start = _fine_tuning_recipe(request), _read_bundles([request.start] if request.start else [])
    settings = load_settings()
    inspection, left_out = _inspect(request, settings)
    import_tensorflow()
    from model.training.fine_tuning import cross_validation_parts, fine_tune

    tuning = _fine_tuning(request, recipe, settings, inspection, left_out, *start)
    if not (request.folds or request.seeds):
        return fine_tune(tuning)
    parts = cross_validation_parts(tuning, request.folds, request.seeds)
    typer.echo(cross_validate(parts, len(inspection.names), recipe.epochs, request.bundle, resume=request.resume))
    return None


def _read_bundles(references: Sequence[str]) -> list[Bundle]:
    from model import bundle

    return [bundle.read(bundle.find(reference)) for reference in references]


def _fine_tuning_recipe(request: TrainRequest) -> Recipe:
    from model.images import preprocessing
    from model.training.backbones import backbone
    from model.training.recipe import fine_tuning

    name = request.backbone or backbone.DEFAULT
    try:
        backbone.check(name)
    except backbone.BackboneUnknown as error:
        raise typer.BadParameter(str(error), param_hint="--backbone") from error
    if request.fit and request.fit not in preprocessing.FITS:
        raise typer.BadParameter(f"name one of {', '.join(preprocessing.FITS)}", param_hint="--fit")
    return fine_tuning(name, **request.recipe_changes)


def _inspect(request: TrainRequest, settings: Settings) -> tuple[Inspection, list[Photograph]]:
    """Return the inspected photographs, and those left out. Raises typer.Exit(1) where training cannot start."""
    leave_out = request.leave_out or []
    photographs, left_out = open_photographs(request.data_set, request.images, settings, leave_out)
    inspection = run_inspection(request.data_set, photographs, settings, leave_out)
    for line in inspection.lines():
        tell(line)
    if inspection.stops:
        raise typer.Exit(1)
    return inspection, left_out


def _fine_tuning(
    request: TrainRequest,
    recipe: Recipe,
    settings: Settings,
    inspection: Inspection,
    left_out: Sequence[Photograph],
    start: Bundle | None = None,
) -> FineTuning:
    from model.images import preprocessing
    from model.training.backbones import backbone
    from model.training.fine_tuning import FineTuning
    from model.training.recipe import served_size

    reporting = _reporting()
    return FineTuning(
        inspection=inspection,
        recipe=recipe,
        weights=backbone.find_or_convert(recipe.network, cache_folder(), reporting.announce),
        spec=preprocessing.photograph(served_size(recipe), request.fit or preprocessing.FIT),
        name=request.title,
        out=request.bundle,
        reporting=reporting,
        left_out=left_out,
        per_category=request.per_category,
        start=start,
        pictures=request.pictures is not False,
        mirror=request.mirror,
        resume=request.resume,
        limits=settings.decode_limits,
    )


def _reporting() -> Reporting:
    from cli import progress
    from model.training.fine_tuning import Reporting

    return Reporting(tell, progress.counter, progress.training_bar)


def _train_on_fashion_mnist(request: TrainRequest) -> Bundle | None:
    from model.data import fashion_mnist
    from model.training import networks
    from model.training.device import import_tensorflow
    from model.training.recipe import recipe_of

    network = request.network or networks.DEFAULT
    try:
        networks.check(network)
    except networks.NetworkUnknown as error:
        raise typer.BadParameter(str(error), param_hint="--network") from error
    teacher_bundles = _read_bundles(request.teacher or [])
    images = fashion_mnist.load(request.data)
    typer.echo(_describe(images), err=True)
    import_tensorflow()
    from model.training.fine_tuning import load_teachers, train_and_publish
    from model.training.publishing import task

    teachers = load_teachers(teacher_bundles)
    recipe = recipe_of(network, teachers=tuple(teachers), **request.recipe_changes)
    if request.folds or request.seeds:
        typer.echo(_cross_validate_on_fashion_mnist(request, images, recipe, [*teachers.values()]))
        return None
    return train_and_publish(
        images,
        recipe,
        request.bundle,
        task.fashion_mnist(images, request.photographs),
        _reporting(),
        resume=request.resume,
        mirror=request.mirror,
        teachers=[*teachers.values()],
    )


def _cross_validate_on_fashion_mnist(
    request: TrainRequest, images: Dataset, recipe: Recipe, teachers: list[object]
) -> str:
    from model.decisions.categories import FASHION_MNIST as CATEGORIES
    from model.training import crossvalidation

    make, count = (crossvalidation.folds, request.folds) if request.folds else (crossvalidation.seeds, request.seeds)
    parts, out = make(images, recipe, count), request.bundle
    return cross_validate(parts, len(CATEGORIES), recipe.epochs, out, resume=request.resume, teachers=teachers)


def _describe(images: Dataset) -> str:
    left_out = ", ".join(f"{count} {why}" for why, count in images.dropped.items() if count) or "none"
    sizes = [len(images.train), len(images.validation), len(images.test)]
    return (
        "{:,} images to train on, {:,} to validate, {:,} to test".format(*sizes)
        + f"; copies left out of training: {left_out.replace('_', ' ')}"
    )
