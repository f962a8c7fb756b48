"""Fine-tuning on photographs, from their inspection to a bundle and a page of label issues."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.bundle import Bundle
from model.data import pixels, splitting
from model.data.dataset import Dataset
from model.data.inspection import inspect, label_issues
from model.data.inspection.inspect import Inspection
from model.data.photographs import Photograph
from model.evaluation.evaluation_sets import OodSource
from model.evaluation.report import label_page
from model.images.decoding import DEFAULT_LIMITS, DecodeLimits, ImageRejected
from model.images.preprocessing import Preprocessing
from model.keras_network import load_network, trained_in
from model.training import crossvalidation, head, loop
from model.training.backbones.weights import provenance
from model.training.crossvalidation import Part
from model.training.head import WarmStart
from model.training.publishing import task
from model.training.publishing.publish import publish
from model.training.publishing.task import BundleSpec
from model.training.recipe import Recipe

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reporting:
    """How a training reports to the user: lines, bars that count, and the bar of the training itself."""

    announce: Callable[[str], None]
    counter: Callable[[str, int], AbstractContextManager[Callable[[], None]]]
    training_bar: Callable[[int], AbstractContextManager[Callable[[loop.Progress, str], None]]]


@dataclass(frozen=True, slots=True)
class FineTuning:
    """What is trained on the photographs of an inspection, and which bundle it becomes.

    `weights` is the backbone's file. `left_out` are photographs of categories that the bundle should notice as unknown.
    At most `per_category` photographs of each category are trained on, or all. With `start`, the training goes on from
    that bundle's network instead of the backbone and a fitted head. `pictures` may be in the bundle's report.
    """

    inspection: Inspection
    recipe: Recipe
    weights: Path
    spec: Preprocessing
    name: str
    out: Path
    reporting: Reporting
    left_out: Sequence[Photograph] = ()
    per_category: int | None = None
    start: Bundle | None = None
    pictures: bool = True
    mirror: bool = False
    resume: bool = False
    limits: DecodeLimits = DEFAULT_LIMITS


def fine_tune(tuning: FineTuning) -> Bundle:
    """Train, publish, and write the label issues to a folder beside the bundle."""
    train, validation, test = _split(tuning)
    data = _decode(tuning, train, validation, test)
    start = _fit_head(tuning, data)
    network, recipe = start.model, tuning.recipe
    origin = {"backbone": recipe.network, **provenance(tuning.weights)}
    if tuning.start:
        network, recipe = trained_in(load_network(tuning.start.folder)), replace(recipe, start=tuning.start.name)
        origin = {"model": tuning.start.id, **tuning.start.training}
    bundle = train_and_publish(
        data,
        recipe,
        tuning.out,
        _bundle_spec(tuning, data, test),
        tuning.reporting,
        resume=tuning.resume,
        mirror=tuning.mirror,
        started_from=origin,
        start=network,
    )
    _list_label_issues(tuning, start, train)
    return bundle


def cross_validation_parts(tuning: FineTuning, folds: int, seeds: int) -> Iterator[Part]:
    """Prepare several trainings: on `folds` of training and validation photographs, or from `seeds` seeds."""
    train, validation, test = _split(tuning)
    if folds:
        whole, nothing = np.concatenate([train, validation]), test[:0]
        data = _decode(tuning, whole, nothing, nothing)
        groups = tuning.inspection.groups[whole]
        yield from crossvalidation.photograph_folds(data, groups, tuning.recipe, tuning.spec, tuning.weights, folds)
    else:
        data = _decode(tuning, train, validation, test)
        network = _fit_head(tuning, data).model
        for part in crossvalidation.seeds(data, tuning.recipe, seeds):
            yield replace(part, start=lambda: network)


def train_and_publish(
    data: Dataset,
    recipe: Recipe,
    out: Path,
    spec: BundleSpec,
    reporting: Reporting,
    *,
    resume: bool,
    mirror: bool,
    started_from: Mapping[str, Any] | None = None,
    start: Any = None,
    teachers: Sequence[Any] = (),
) -> Bundle:
    """Train, publish, and leave no checkpoint behind once the bundle is there.

    `start` and `teachers` are as in `loop.train`, the others as in `publish.publish`.
    """
    checkpoint = out.with_name(f".{out.name}.checkpoint.npz")
    with reporting.training_bar(recipe.epochs) as show:
        trained = loop.train(
            data,
            len(spec.categories),
            recipe,
            checkpoint=checkpoint,
            resume=resume,
            report=lambda progress: show(progress, ""),
            start=start,
            teachers=teachers,
        )
    reporting.announce("calibrating, measuring, exporting …")
    bundle = publish(trained, data, recipe, out, spec, mirror=mirror, started_from=started_from)
    checkpoint.unlink(missing_ok=True)
    return bundle


def load_teachers(teachers: Sequence[Bundle]) -> dict[str, Any]:
    """Load the keras.Model of each bundle, by the bundle's id."""
    return {bundle.id: load_network(bundle.folder) for bundle in teachers}


def _split(tuning: FineTuning) -> tuple[Indices, Indices, Indices]:
    inspection, seed = tuning.inspection, tuning.recipe.seed
    given = [photograph.split for photograph in inspection.photographs]
    train, validation, test = splitting.split(inspection.labels, inspection.groups, given, seed=seed)
    if tuning.per_category:
        train = splitting.at_most(train, inspection.labels, tuning.per_category, seed)
    return train, validation, test


def _decode(tuning: FineTuning, *splits: Indices) -> Dataset:
    sizes = [len(split) for split in splits]
    tuning.reporting.announce("{:,} photographs to train on, {:,} to validate, {:,} to test".format(*sizes))
    with tuning.reporting.counter("decoding", sum(sizes)) as advance:
        return pixels.load(
            tuning.inspection.photographs,
            tuning.inspection.labels,
            splits,
            tuning.spec,
            trained=tuning.recipe.size,
            limits=tuning.limits,
            report_progress=lambda _: advance(),
        )


def _fit_head(tuning: FineTuning, data: Dataset) -> WarmStart:
    recipe, announce = tuning.recipe, tuning.reporting.announce
    announce("fitting the head …")
    served = pixels.as_served(data.train.images, tuning.spec)
    start = head.warm_start(recipe, tuning.weights, served, data.train.labels, len(tuning.inspection.names))
    minutes = start.minutes(recipe.epochs)
    announce(f"then all of {recipe.network}, {recipe.epochs} epochs: about {minutes:.0f} minutes")
    return start


def _bundle_spec(tuning: FineTuning, data: Dataset, test: Indices) -> BundleSpec:
    inspection = tuning.inspection
    names = [inspection.photographs[index].name for index in test]
    return task.photographs(
        data, inspection.names, tuning.spec, tuning.name, names, ood_sources=_ood_sources(tuning), shown=tuning.pictures
    )


def _ood_sources(tuning: FineTuning) -> list[OodSource]:
    sources = []
    for category in dict.fromkeys(photograph.category for photograph in tuning.left_out):
        photographs = [photograph for photograph in tuning.left_out if photograph.category == category]
        usable = inspect.inspect(photographs, limits=tuning.limits).photographs
        if usable:
            names = tuple(photograph.name for photograph in usable)
            images = pixels.read(usable, tuning.spec, tuning.limits)
            sources.append(OodSource(category, images, names, tuning.pictures))
    return sources


def _list_label_issues(tuning: FineTuning, start: WarmStart, train: Indices) -> None:
    inspection = tuning.inspection
    issues = label_issues.find(start.features, inspection.labels[train], inspection.groups[train], inspection.names)
    photographs = [inspection.photographs[index] for index in train]

    def picture(index: int) -> bytes | None:
        try:
            content: bytes = photographs[index].read()
        except (OSError, ImageRejected):
            return None
        return content

    folder = tuning.out.with_name(f"{tuning.out.name}-labels")
    page = label_page.write(folder, issues, [photograph.name for photograph in photographs], picture)
    tuning.reporting.announce(f"{len(issues.issues):,} labels that may be wrong: {page}")
