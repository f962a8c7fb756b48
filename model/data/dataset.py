"""A labelled data set: training, validation and test images, and how to take part of one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from model import ModelError


class DataMissing(ModelError):
    """Labelled data that is missing, damaged or not laid out as needed; the message says what to do."""


Images = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Split:
    """Images uint8[N, 28, 28, 1] and labels int64[N]."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Training, validation and test images, and the SHA-256 of the files they come from.

    `dropped` counts the training images left out, by why: see `without_copies`.
    """

    train: Split
    validation: Split
    test: Split
    digest: str
    dropped: Mapping[str, int] = field(default_factory=dict)


def hold_out(
    labels: npt.NDArray[np.int64], count: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices to keep and to hold out: the same number from every category, the same ones for a seed."""
    random = np.random.default_rng(seed)
    kinds = np.unique(labels)
    held = [random.permutation(np.flatnonzero(labels == kind))[: count // len(kinds)] for kind in kinds]
    held_out = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), held_out), held_out


def pick(split: Split, indices: npt.NDArray[np.int64]) -> Split:
    """The images and labels at `indices`."""
    return Split(split.images[indices], split.labels[indices])


def digest_of(split: Split) -> str:
    """SHA-256 in hex over a split's images and labels, in their order."""
    return hashlib.sha256(split.images.tobytes() + split.labels.astype("<i8").tobytes()).hexdigest()
