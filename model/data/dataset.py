"""Data sets of labelled images, and how to take part of one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from model import ModelError

Images = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


class DataMissing(ModelError):
    """Labelled data that is missing, damaged or not laid out as needed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Split:
    """Images uint8[N, H, W, C] and labels int64[N]."""

    images: Images
    labels: Integers

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Training, validation and test images, and a SHA-256 of where they come from.

    `dropped` counts the training images that were left out, by reason.
    """

    train: Split
    validation: Split
    test: Split
    digest: str
    dropped: Mapping[str, int] = field(default_factory=dict)


def hold_out(labels: Integers, count: int, seed: int) -> tuple[Integers, Integers]:
    """Split indices into those to keep and `count` to hold out, equally many of every category."""
    random = np.random.default_rng(seed)
    categories = np.unique(labels)
    share = count // len(categories)
    held_out = [random.permutation(np.flatnonzero(labels == category))[:share] for category in categories]
    indices = np.sort(np.concatenate(held_out))
    return np.setdiff1d(np.arange(len(labels)), indices), indices


def pick(split: Split, indices: Integers) -> Split:
    """Return the images and labels at `indices`."""
    return Split(split.images[indices], split.labels[indices])


def digest_of(split: Split) -> str:
    """Return the SHA-256 in hex of a split's images and labels, in their order."""
    return hashlib.sha256(split.images.tobytes() + split.labels.astype("<i8").tobytes()).hexdigest()
