"""What a bundle's network says about many images, in both runtimes."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.runtimes import LiteRT, TensorFlow

Floats = npt.NDArray[np.float32]
TIE = float(np.log(1.2))
"""Logits this near leave two categories within odds of 6 to 5: any rounding may decide between them."""
PIXELS = 400_000
"""So many, in several images, does TensorFlow get at once: a backbone keeps some kilobytes for each."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Of N images, by LiteRT, as it is the one that tags: logits float32[N, K] and features float32[N, D].

    D is 0 for bundles of before 2026-11-23. `reference` is TensorFlow's logits float32[N, K], or float32[0, K] where it
    was not asked.
    """

    logits: Floats
    features: Floats
    reference: Floats

    @classmethod
    def of(cls, served: Floats, categories: int, reference: Floats | None = None) -> "Answers":
        """`served` float32[N, K + D] as model.runtimes gives it."""
        logits = served[:, :categories]
        return cls(logits, served[:, categories:], logits[:0] if reference is None else reference)

    def part(self, which: slice) -> "Answers":
        """Of some of the images."""
        return Answers(self.logits[which], self.features[which], self.reference[which])

    @property
    def has_reference(self) -> bool:
        return len(self.reference) == len(self.logits)

    @property
    def agreement(self) -> float:
        """Share of the images that both put into the same category; NaN without a reference."""
        if not self.has_reference:
            return float("nan")
        return float(np.mean(self.reference.argmax(1) == self.logits.argmax(1)))

    @property
    def told_apart(self) -> int:
        """How many images LiteRT puts into a category which, to the reference, is not even a TIE with its best."""
        rows = np.arange(len(self.logits))
        short = self.reference.max(1) - self.reference[rows, self.logits.argmax(1)]
        return int(np.count_nonzero(short > TIE))


def ask(folder: Path, images: npt.NDArray[np.uint8], categories: int, *, reference: bool = True) -> Answers:
    """Let the networks in a bundle's folder look at uint8[N, H, W, C]; TensorFlow too, if `reference`."""
    served = LiteRT(folder / "model.tflite", threads=1).answers(images)
    return Answers.of(served, categories, _reference(folder, images, categories) if reference else None)


def portions(images: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
    """uint8[N, H, W, C] in parts that TensorFlow has memory for."""
    count = max(1, PIXELS // (images.shape[1] * images.shape[2]))
    return [images[at : at + count] for at in range(0, len(images), count)]


def has_tensorflow() -> bool:
    """Is it installed here? Tagging does not need it."""
    return importlib.util.find_spec("tensorflow") is not None


def _reference(folder: Path, images: npt.NDArray[np.uint8], categories: int) -> Floats:
    network = TensorFlow(folder / "model.keras", threads=os.cpu_count() or 1)
    answered = [network.answers(each)[:, :categories] for each in portions(images)]
    return np.concatenate([np.zeros((0, categories), np.float32), *answered])
