"""`tagger model train DATA --average BUNDLE --average BUNDLE`: no training, but the mean of several's weights.

Networks that were trained differently from one and the same start lie in one valley, and their mean is often better
than each of them, at the cost of one (model soups: Wortsman et al. 2022, arXiv:2203.05482).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from cli.lessons import begun_with

if TYPE_CHECKING:
    from model.bundle import Bundle
    from model.images.preprocessing import Preprocessing
    from model.training.loop import Trained
    from model.training.recipe import Recipe

OPTION = "--average"


def opened(references: Sequence[str], size: int | None) -> list[Bundle]:
    """The bundles, two at least, that all have the same categories and prepare photographs alike.

    Where the mean is to answer at `size` pixels it may be one, and their own sizes may differ.

    Raises typer.BadParameter where they do not, and BundleError.
    """
    from model import bundle as library

    bundles = [library.read(library.find(each)) for each in references]
    if len(bundles) < 2 and not size:
        raise typer.BadParameter("name two bundles at least, or one with --served-size", param_hint=OPTION)
    first = bundles[0]
    for each in bundles[1:]:
        alike = (_at(each.preprocessing, size), each.categories) == (_at(first.preprocessing, size), first.categories)
        if not alike:
            message = f"{first.id} and {each.id} have other categories, or prepare photographs otherwise"
            raise typer.BadParameter(message, param_hint=OPTION)
    return bundles


def _at(spec: Preprocessing, size: int | None) -> Preprocessing:
    from model.images.preprocessing import resized

    return resized(spec, size) if size else spec


def check_data(bundles: Sequence[Bundle], categories: Sequence[str]) -> None:
    """Raises typer.BadParameter unless the data has the categories that they have."""
    if tuple(categories) != bundles[0].categories:
        theirs = ", ".join(bundles[0].categories)
        raise typer.BadParameter(f"{bundles[0].id} knows other categories than DATA has: {theirs}", param_hint=OPTION)


def stirred(bundles: Sequence[Bundle], recipe: Recipe, size: int | None) -> tuple[Trained, Recipe, dict[str, Any]]:
    """What `publish` takes: the mean network, a recipe of no epochs, and how each came to be.

    The network answers at `size` pixels, or at as many as the first bundle's does.
    Raises typer.BadParameter for networks of other shapes.
    """
    from model.training.averaging import Average
    from model.training.backbones import backbone
    from model.training.device import machine
    from model.training.loop import Trained

    average, told = Average(), []
    for each in bundles:
        _, network, about = begun_with(each)
        weights = network.get_weights()
        if average.count and [one.shape for one in weights] != [one.shape for one in average.sums]:
            raise typer.BadParameter(f"{each.id} has another network than {bundles[0].id}", param_hint=OPTION)
        average.add(weights)
        told.append(about)
    name, trained_at = (told[0]["recipe"][key] for key in ("network", "size"))
    served = size or bundles[0].preprocessing.size
    mean = backbone.classifier(name, None, size=served, categories=len(bundles[0].categories))
    mean.set_weights(average.mean())
    minutes, cpu_minutes = (sum(each.get(key, 0.0) for each in told) for key in ("minutes", "cpu_minutes"))
    trained = Trained(mean, [], 60 * minutes, 60 * cpu_minutes, "float32", machine())
    of_mean = replace(recipe, network=name, size=trained_at, served=served, epochs=0)
    return trained, of_mean, {"averaged": told}
