"""Shuffled, augmented batches of training images, made in threads while the network is busy with those before."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.data.dataset import Split
from model.training.augmentation.augment import augment, mixed_up
from model.training.recipe import Recipe, smoothing, spares

AHEAD = 3
"""Epochs that are made ahead of their turn."""
EASY = 0.8
"""Share of the images that count as easy: those of the least loss when they were last seen."""
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Chunk:
    """S batches: images uint8[S, B, H, W, C], labels int64[S, B], the weight of each in the loss float32[S, B], which
    of the training images they are, int64[S, B], and how far their labels are smoothed, float32[S].

    Where images are mixed, `labels` have a `share` of each, float32[S], and `others` int64[S, B] the rest.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    indices: Indices
    smoothing: npt.NDArray[np.float32]
    others: npt.NDArray[np.int64]
    share: npt.NDArray[np.float32]


class Batches:
    """The batches of each epoch; an epoch's follow from the recipe's seed, its number, and `losses`.

    Where the recipe spares easy images, most epochs leave out a share of them, others each time, and those that stay
    weigh more for it, so that the expected gradient is that of all (InfoBatch: Qin et al. 2024, arXiv:2303.04947; here
    a fixed share counts as easy, so that every epoch has a known length, and a batch's weights are 1 on average).
    """

    def __init__(self, split: Split, recipe: Recipe, batch: int) -> None:
        self._split, self._recipe, self._batch = split, recipe, batch
        self._balance = balanced(split.labels, recipe.balance)
        self.losses = np.full(len(split), np.inf, np.float32)
        self._ahead: dict[int, Future[Chunk]] = {}
        self._threads = ThreadPoolExecutor(AHEAD, thread_name_prefix="batches")

    def count(self, epoch: int) -> int:
        """How many batches it has; images that fill no batch wait for another epoch."""
        images, spared = len(self._split), self._spared()
        return (images - spared if spares(self._recipe, epoch) else images) // self._batch

    def before(self, epoch: int) -> int:
        """How many batches all epochs before it have."""
        return sum(self.count(number) for number in range(epoch))

    def one_by_one(self, epoch: int) -> Iterator[Chunk]:
        """Each batch by itself, S = 1, made while the one before it is in use."""
        chunks = self._made(epoch)
        coming = self._threads.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = self._threads.submit(next, chunks, None)
            yield chunk

    def _made(self, epoch: int) -> Iterator[Chunk]:
        random = np.random.default_rng([self._recipe.seed, epoch])
        chosen, weights = self._chosen(epoch, random)
        order = random.permutation(len(chosen))
        smoothed = np.full(1, smoothing(self._recipe, epoch), np.float32)
        for number in range(self.count(epoch)):
            of_batch = order[number * self._batch : (number + 1) * self._batch]
            indices = chosen[of_batch]
            images, labels = augment(self._split.images[indices], random, self._recipe), self._split.labels[indices]
            weighed = weights[of_batch] * self._balance[indices]
            mixed, partners, share = mixed_up(images, random, self._recipe.mixup)
            others = labels[partners][None]
            yield Chunk(mixed[None], labels[None], weighed[None], indices[None], smoothed, others, share)

    def whole(self, epoch: int) -> Chunk:
        """All of an epoch; those after it are begun, unless they depend on what this one will tell."""
        ahead = 0 if self._recipe.spare else AHEAD
        for number in range(epoch, min(epoch + 1 + ahead, self._recipe.epochs)):
            if number not in self._ahead:
                self._ahead[number] = self._threads.submit(self._joined, number)
        return self._ahead.pop(epoch).result()

    def learned(self, indices: Indices, losses: npt.NDArray[np.float32]) -> None:
        """Keep what training images have lost, unweighted; both of one shape."""
        self.losses[indices] = losses

    def close(self) -> None:
        """Stop the threads; what was made ahead is dropped."""
        self._threads.shutdown(cancel_futures=True)

    def _spared(self) -> int:
        return int(len(self._split) * EASY * self._recipe.spare)

    def _chosen(self, epoch: int, random: np.random.Generator) -> tuple[Indices, npt.NDArray[np.float32]]:
        """Which images an epoch has, and the weight of each."""
        weights = np.ones(len(self._split), np.float32)
        if not spares(self._recipe, epoch):
            return np.arange(len(weights)), weights
        easy = np.argsort(self.losses, kind="stable")[: int(len(weights) * EASY)]
        left_out = random.choice(easy, self._spared(), replace=False)
        weights[easy] = len(easy) / (len(easy) - len(left_out))
        chosen = np.setdiff1d(np.arange(len(weights)), left_out)
        return chosen, weights[chosen] / weights[chosen].mean()

    def _joined(self, epoch: int) -> Chunk:
        return joined([*self._made(epoch)])


def balanced(labels: npt.NDArray[np.int64], balance: float) -> npt.NDArray[np.float32]:
    """A weight for each image, 1 on average: with `balance` 1 categories weigh the same, with 0 images do."""
    counts = np.bincount(labels)
    weights = (1 / np.maximum(counts, 1)) ** balance
    of_images: npt.NDArray[np.float32] = (weights[labels] / weights[labels].mean()).astype(np.float32)
    return of_images


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """One chunk of all their batches."""
    return Chunk(
        np.concatenate([each.images for each in chunks]),
        np.concatenate([each.labels for each in chunks]),
        np.concatenate([each.weights for each in chunks]),
        np.concatenate([each.indices for each in chunks]),
        np.concatenate([each.smoothing for each in chunks]),
        np.concatenate([each.others for each in chunks]),
        np.concatenate([each.share for each in chunks]),
    )
