"""What decides a training, apart from the data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model import network


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a training gives, apart from the data."""

    network: str = "strided"
    epochs: int = 11
    seed: int = 0
    batch: int = 128
    optimizer: str = "sgd"  # sgd with Nesterov momentum, muon or adam
    peak_rate: float = 0.06
    warmup: float = 0.15  # share of all steps
    cosine: bool = True  # down to nothing, else constant after the warm-up
    momentum: float = 0.9
    weight_decay: float = 5e-4
    shift: int = 1  # pixels
    mirror: bool = True  # half of the images
    imitate: float = 0.0  # share of images made to look like photographs
    erase: float = 0.0  # share of images
    erase_area: float = 0.25  # of an image, at most
    spare: float = 0.0  # share of the easy images that most epochs leave out
    average: int = 0  # so many of the last epochs' weights are averaged
    start: str = ""  # the bundle whose network is trained on
    teachers: tuple[str, ...] = ()  # bundles
    teachers_weight: float = 0.9  # their share of the loss, the labels have the rest
    teachers_temperature: float = 4.0  # softens both sides, so that the less likely categories count too


SPARING = 0.875
"""Share of a training after which every epoch has all images again."""

LONG = Recipe(optimizer="muon", epochs=80, batch=256, peak_rate=0.025, warmup=0.03, shift=2, erase=0.5, spare=0.6)

RECIPES: Mapping[str, Recipe] = {
    "strided": Recipe(),
    "pooled": Recipe(network="pooled"),
    "residual": replace(LONG, network="residual"),
    "fullres": replace(LONG, network="fullres"),
    "deep": replace(LONG, network="deep"),
    "wide": replace(LONG, network="wide", epochs=120, spare=0.0, erase_area=0.33),
    # the student project's, to the letter: nothing but Adam at 1e-4
    "baseline": Recipe(
        "baseline", 40, 0, 512, "adam", 1e-4, warmup=0, cosine=False, weight_decay=0, shift=0, mirror=False
    ),
}
"""The recipe of each network, as validation preferred it (docs/experiments.md)."""


def recipe_of(network_name: str, **changes: Any) -> Recipe:
    """That network's recipe with `changes`. Raises NetworkUnknown."""
    network.check(network_name)
    return replace(RECIPES[network_name], **changes)


def refining(recipe: Recipe, **changes: Any) -> Recipe:
    """To train a finished network on: at a low, even rate, on images of which some look like photographs, averaged."""
    on = {"epochs": 16, "peak_rate": 0.16 * recipe.peak_rate, "warmup": 0.0, "cosine": False, "average": 14}
    return replace(recipe, **{**on, "imitate": 0.1, **changes})


def spares(recipe: Recipe, epoch: int) -> bool:
    """Does this epoch leave out easy images? Not the first, which finds them, nor the last eighth of a training."""
    return recipe.spare > 0 and 0 < epoch < math.ceil(recipe.epochs * SPARING)


def rate(step: int, steps: int, recipe: Recipe) -> float:
    """The learning rate of a step: linear from nothing to the peak, then half a cosine to nothing, or the peak."""
    warm = round(steps * recipe.warmup)
    if step < warm:
        return recipe.peak_rate * (step + 1) / warm
    if not recipe.cosine:
        return recipe.peak_rate
    return recipe.peak_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def computing_dtype() -> str:
    """mixed_bfloat16 on a GPU or a processor that multiplies it itself, else float32: emulated, it is slower."""
    return "mixed_bfloat16" if _on_gpu() or _processor_has_bfloat16() else "float32"


def _on_gpu() -> bool:
    import keras

    if keras.backend.backend() != "jax":
        return False
    import jax

    return bool(jax.default_backend() == "gpu")


def _processor_has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
