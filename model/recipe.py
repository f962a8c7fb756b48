"""What decides a training, apart from the data."""

import math
from dataclasses import dataclass
from pathlib import Path

from model import network


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a training gives, apart from the data."""

    network: str = network.DEFAULT
    epochs: int = 11
    seed: int = 0
    batch: int = 128
    peak_rate: float = 0.06
    warmup: float = 0.15  # share of all steps
    momentum: float = 0.9
    weight_decay: float = 5e-4
    shift: int = 1  # pixels
    erase: float = 0.0  # share of images


def rate(step: int, steps: int, recipe: Recipe) -> float:
    """The learning rate of a step: linear from nothing to the peak, then half a cosine to nothing."""
    warm = max(1, round(steps * recipe.warmup))
    if step < warm:
        return recipe.peak_rate * (step + 1) / warm
    return recipe.peak_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def computing_dtype() -> str:
    """mixed_bfloat16 where the processor multiplies bfloat16 itself, else float32: emulated, it is slower."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return "float32"
    return "mixed_bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"
