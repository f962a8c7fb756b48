"""`tagger model train`: one network into a bundle, or several to see how much is chance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.models import spread
from cli.options import DATA, IMAGES
from cli.photograph_training import Wanted, name_of
from cli.warm_start import teacher_networks
from model.training.device import quieten_tensorflow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model.bundle import Bundle
    from model.data.dataset import Dataset


FASHION_MNIST = "fashion-mnist"
MINE = (
    "--backbone, --size, --served-size, --fit, --images, --leave-out, --per-category, --crop, --distort, --start and"
    " --no-pictures are for photographs of your own, not for fashion-mnist"
)
OTHERS = "--network, --teacher, --data and --photographs are for fashion-mnist, not for photographs of your own"


def register(app: typer.Typer) -> None:
    """Add the verb to `tagger model`."""
    app.command(epilog="Example: tagger model train fashion-mnist --seed 1 --out bundles/fashion-mnist")(train)


def train(
    data_set: Annotated[str, typer.Argument(metavar="DATA", help=f"fashion-mnist, or your own photographs: {DATA}")],
    network: Annotated[
        str | None,
        typer.Option(help="baseline, strided, fullres, slim or wideresnet."),
    ] = None,
    backbone: Annotated[str | None, typer.Option(help="For photographs: efficientnet-lite0, -lite1 or -lite2.")] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=64, max=512, help="For photographs: pixels of the network's input in training, 160 unless told."
        ),
    ] = None,
    served_size: Annotated[
        int | None,
        typer.Option(min=64, max=512, help="… and when it answers: a seventh more than in training, unless told."),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(help="For photographs, how they become a square: squash (unless told), crop or letterbox."),
    ] = None,
    images: Annotated[str | None, typer.Option(metavar="FOLDER_OR_S3", help=IMAGES)] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(metavar="CATEGORY", help="Not to train on, but to be noticed as strange; may be given again."),
    ] = None,
    per_category: Annotated[
        int | None, typer.Option(min=5, help="Train on at most so many photographs of each category.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="Of the data in the report, and of the bundle unless --out says otherwise. Default: as DATA."
        ),
    ] = None,
    pictures: Annotated[
        bool | None,
        typer.Option(help="Test photographs may be in the bundle's report, which goes where the bundle goes."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="How often every image is seen.")] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="The highest learning rate.")] = None,
    balance: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="1: all categories weigh the same, 0: all photographs."),
    ] = None,
    mixup: Annotated[float | None, typer.Option(min=0, help="Mix two images, by a beta distribution of this.")] = None,
    crop: Annotated[
        float | None,
        typer.Option(min=0.05, max=1, help="For photographs: the least share of their area that a training sees."),
    ] = None,
    distort: Annotated[
        int | None,
        typer.Option(min=0, max=4, help="For photographs: so many random operations on each, as RandAugment has them."),
    ] = None,
    smoothing: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of each label that goes to all categories alike."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and data give the same network.")] = 0,
    teacher: Annotated[
        list[str] | None, typer.Option(help="A bundle to learn from besides the labels; may be given again.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="For photographs: a bundle of the same network, to be trained on.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside --out.")] = False,
    folds: Annotated[int, typer.Option(min=0, help="Cross-validate on this many folds; no bundle is made.")] = 0,
    seeds: Annotated[int, typer.Option(min=0, help="Train from this many seeds; no bundle is made.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder of the new bundle. Default: bundles/NAME.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the four *-ubyte.gz files of Fashion-MNIST.")] = None,
    mirror: Annotated[
        bool | None,
        typer.Option(help="Answer with the mean over an image and its mirror image, at twice the work."),
    ] = None,
    photographs: Annotated[
        Path | None, typer.Option(help='A folder with a sub-folder "hat", of images to be noticed as strange.')
    ] = None,
) -> None:
    """Train a network, calibrate it and save it as a bundle; or train several and say how far they lie apart."""
    recipe = {"epochs": epochs, "seed": seed, "peak_rate": rate, "balance": balance, "mixup": mixup}
    recipe |= {
        "size": size,
        "served": served_size,
        "crop": crop,
        "distort": distort,
        "smoothing": smoothing,
    }
    changes = {each: value for each, value in recipe.items() if value is not None}
    named = name or (FASHION_MNIST if data_set == FASHION_MNIST else name_of(data_set))
    place = out or Path("bundles") / named
    spread.check(folds, seeds)
    if data_set == FASHION_MNIST:
        _refuse(
            MINE,
            backbone,
            size,
            served_size,
            fit,
            images,
            leave_out,
            per_category,
            crop,
            distort,
            start,
            pictures is not None,
        )
        bundle = _on_fashion_mnist(
            network, changes, teacher or [], folds, seeds, place, resume, data, bool(mirror), photographs
        )
    else:
        _refuse(OTHERS, network, teacher, data, photographs)
        wanted = Wanted(
            data=data_set,
            name=named,
            out=place,
            fit=fit,
            images=images,
            leave_out=leave_out or (),
            per_category=per_category,
            start=start,
            pictures=pictures is not False,
            mirror=bool(mirror),
            resume=resume,
        )
        bundle = _on_photographs(wanted, backbone, changes, folds, seeds)
    if bundle is not None:
        test = bundle.metrics["test"]
        typer.echo(f"{bundle.id}: {test['accuracy']:.2%} of {test['images']:,} test images right; saved in {place}")


def _refuse(message: str, *given: object) -> None:
    if any(given):
        raise typer.BadParameter(message)


def _on_photographs(
    wanted: Wanted, backbone: str | None, changes: Mapping[str, Any], folds: int, seeds: int
) -> Bundle | None:
    from cli import photograph_training as training
    from cli.context import load_settings

    quieten_tensorflow()
    from model.images import preprocessing
    from model.training.backbones import backbone as backbones
    from model.training.recipe import fine_tuning

    named = backbone or backbones.DEFAULT
    try:
        backbones.check(named)
    except backbones.BackboneUnknown as error:
        raise typer.BadParameter(str(error), param_hint="--backbone") from error
    if wanted.fit and wanted.fit not in preprocessing.FITS:
        raise typer.BadParameter(f"name one of {', '.join(preprocessing.FITS)}", param_hint="--fit")
    recipe = fine_tuning(named, **changes)
    if folds or seeds:
        typer.echo(training.spread_over(wanted, recipe, load_settings(), folds, seeds))
        return None
    return training.train(wanted, recipe, load_settings())


def _on_fashion_mnist(
    network: str | None,
    changes: Mapping[str, Any],
    teachers: Sequence[str],
    folds: int,
    seeds: int,
    out: Path,
    resume: bool,
    data: Path | None,
    mirror: bool,
    photographs: Path | None,
) -> Bundle | None:
    quieten_tensorflow()
    from cli.training_bar import trained_and_published
    from model.data import fashion_mnist
    from model.decisions.categories import FASHION_MNIST as CATEGORIES
    from model.training import crossvalidation
    from model.training.networks import DEFAULT, NetworkUnknown
    from model.training.publishing import task
    from model.training.recipe import recipe_of

    known = teacher_networks(teachers)
    try:
        recipe = recipe_of(network or DEFAULT, teachers=tuple(known), **changes)
    except NetworkUnknown as error:
        raise typer.BadParameter(str(error), param_hint="--network") from error
    images = fashion_mnist.load(data)
    typer.echo(_about(images), err=True)
    if folds or seeds:
        kind, count = (crossvalidation.folds, folds) if folds else (crossvalidation.seeds, seeds)
        taught = {"teachers": [*known.values()]}
        parts = kind(images, recipe, count)
        typer.echo(spread.measured(parts, len(CATEGORIES), recipe.epochs, out, resume=resume, known=taught))
        return None
    return trained_and_published(
        images,
        recipe,
        out,
        task.fashion_mnist(images, photographs),
        resume=resume,
        mirror=mirror,
        started_from=None,
        teachers=[*known.values()],
    )


def _about(images: Dataset) -> str:
    left_out = ", ".join(f"{count} {why}" for why, count in images.dropped.items() if count) or "none"
    sizes = [len(images.train), len(images.validation), len(images.test)]
    return (
        "{:,} images to train on, {:,} to validate, {:,} to test".format(*sizes)
        + f"; copies left out of training: {left_out.replace('_', ' ')}"
    )
