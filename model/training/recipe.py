"""Recipes: everything that decides the result of a training, apart from the data."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from model.training import networks
from model.training.backbones import efficientnet_lite


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the result of a training, apart from the data."""

    network: str = "strided"  # of model.training.networks, or a backbone of model.training.backbones.backbone
    size: int = 0  # pixels of the network's input in training; 0: of the images as they are
    served: int = 0  # … when it is served; 0: as in training
    epochs: int = 11
    seed: int = 0
    batch: int = 128
    optimizer: str = "sgd"  # sgd with Nesterov momentum, adam or adamw
    peak_rate: float = 0.06
    warmup: float = 0.15  # share of all steps
    warmup_steps: int = 0  # but so many at least
    cosine: bool = True  # down to nothing, else constant after the warm-up
    momentum: float = 0.9
    weight_decay: float = 5e-4
    crop: float = 1.0  # least share of a photograph's area that is shown; 1: no photographs, no crops
    turn: float = 0.0  # degrees to either side, of a photograph
    colour: float = 0.0  # how far brightness, contrast and saturation of a photograph may go from 1
    distort: int = 0  # number of operations of model.training.augmentation.rand_augment on each photograph
    distort_strength: float = 0.5  # 0 … 1
    mixup: float = 0.0  # parameter of the beta distribution by which two images are mixed; 0: none are
    balance: float = 0.0  # 1: every category weighs the same, 0: every image
    shift: int = 1  # pixels
    mirror: bool = True  # half of the images
    imitate: float = 0.0  # share of images in photo style
    erase: float = 0.0  # share of images
    erase_area: float = 0.25  # of an image, at most
    smoothing: float = 0.0  # share of each label that goes to all categories alike, except in the last epochs
    fixed_statistics: bool = False  # batch normalisation keeps those it started with, folded into convolutions
    start: str = ""  # bundle whose network is the start
    teachers: tuple[str, ...] = ()  # bundles
    teachers_weight: float = 0.9  # their share of the loss; the rest is the labels'
    teachers_temperature: float = 4.0  # softens both sides, so that the less likely categories count too


ENLARGED, GRAIN = 1.15, 8
LATE = 0.875  # share of a training after which labels are no longer smoothed

LONG = Recipe(
    epochs=60,
    batch=256,
    peak_rate=0.2,
    warmup=0.05,
    weight_decay=5e-3,  # momentum multiplies a step, but not its decay, by ten: papers call this 5e-4
    shift=2,
    imitate=0.05,
    erase=0.5,
    erase_area=0.33,
    smoothing=0.1,
)

FINE_TUNING = Recipe(
    network="efficientnet-lite0",
    size=160,
    served=184,
    optimizer="adamw",
    epochs=48,
    batch=32,
    peak_rate=2e-4,
    warmup=0.1,
    warmup_steps=50,
    weight_decay=0.03,
    smoothing=0.1,
    shift=0,
    crop=0.45,
    turn=10,
    colour=0.3,
    distort=2,
    mixup=0.2,
    fixed_statistics=True,
)
"""For a whole backbone, after its head; measured on EfficientNet-Lite0 (docs/research/experiments.md)."""

RECIPES: Mapping[str, Recipe] = {
    "strided": Recipe(),
    "fullres": replace(LONG, network="fullres"),
    "slim": replace(LONG, network="slim"),
    "wideresnet": replace(LONG, network="wideresnet", epochs=100, smoothing=0.0),
    # the student project's, unchanged: nothing but Adam at 1e-4
    "baseline": Recipe(
        network="baseline",
        epochs=40,
        batch=512,
        optimizer="adam",
        peak_rate=1e-4,
        warmup=0,
        cosine=False,
        weight_decay=0,
        shift=0,
        mirror=False,
    ),
    **{name: replace(FINE_TUNING, network=name) for name in efficientnet_lite.VARIANTS},
}
"""The recipe of each network, chosen on validation (docs/research/experiments.md)."""


def recipe_of(network_name: str, **changes: Any) -> Recipe:
    """Return the recipe of a network with `changes`. Raises NetworkUnknown."""
    networks.check(network_name)
    return replace(RECIPES[network_name], **changes)


def fine_tuning(backbone: str, **changes: Any) -> Recipe:
    """Return the recipe to fine-tune a known backbone on photographs, with `changes`."""
    if "size" in changes:
        changes = {"served": enlarge(changes["size"]), **changes}
    return replace(RECIPES[backbone], **changes)


def enlarge(size: int) -> int:
    """Return the best served size of a network for photographs that was trained at `size`: about a seventh more.

    Training shows crops, enlarged, so garments look larger there than on whole photographs (Touvron et al. 2019,
    arXiv:1906.06423; measured in docs/research/experiments.md).
    """
    return round(ENLARGED * size / GRAIN) * GRAIN


def served_size(recipe: Recipe) -> int:
    """Return the pixels of the network's input when it is served; 0: of the images as they are."""
    return recipe.served or recipe.size


def changed(recipe: Recipe) -> dict[str, Any]:
    """Return the fields that differ from the defaults, so that a new field leaves earlier recipes the same."""
    fields = dataclasses.fields(recipe)
    return {field.name: value for field in fields if (value := getattr(recipe, field.name)) != field.default}


def smoothing(recipe: Recipe, epoch: int) -> float:
    """Return the share of each label that goes to all categories alike (Szegedy et al. 2015, arXiv:1512.00567).

    It is 0 in the last eighth of a training: a network that ends with smoothing is less confident than it could be,
    and unevenly so.
    """
    return 0.0 if epoch >= math.ceil(recipe.epochs * LATE) else recipe.smoothing


def rate(step: int, steps: int, recipe: Recipe) -> float:
    """Return the learning rate of a step: linear up to the peak, then half a cosine down to nothing, or the peak."""
    warm = max(round(steps * recipe.warmup), recipe.warmup_steps)
    if step < warm:
        return recipe.peak_rate * (step + 1) / warm
    if not recipe.cosine:
        return recipe.peak_rate
    return recipe.peak_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
