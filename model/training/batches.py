"""Shuffled, augmented batches of training images, prepared in threads while the network trains on earlier ones."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from model.data.dataset import Split
from model.training.augmentation.augment import augment, mixup
from model.training.recipe import Recipe, smoothing

AHEAD = 3  # epochs that are prepared ahead of their turn


@dataclass(frozen=True, slots=True)
class Chunk:
    """S batches: images uint8[S, B, H, W, C], labels int64[S, B], and the weight of each in the loss float32[S, B].

    `smoothing` float32[S] is the share of their labels that goes to all categories alike. Where images are mixed,
    `labels` have a `share` of each, float32[S], and `others` int64[S, B] the rest.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    smoothing: npt.NDArray[np.float32]
    others: npt.NDArray[np.int64]
    share: npt.NDArray[np.float32]


class Batches:
    """The batches of each epoch, which follow from the recipe's seed and the epoch's number."""

    def __init__(self, split: Split, recipe: Recipe, batch: int) -> None:
        self._split, self._recipe, self._batch = split, recipe, batch
        self._weights = balance(split.labels, recipe.balance)
        self._ahead: dict[int, Future[Chunk]] = {}
        self._threads = ThreadPoolExecutor(AHEAD, thread_name_prefix="batches")

    @property
    def per_epoch(self) -> int:
        """The number of batches in an epoch; images that fill no batch wait for another epoch."""
        return len(self._split) // self._batch

    def one_by_one(self, epoch: int) -> Iterator[Chunk]:
        """Yield each batch by itself, S = 1, prepared while the one before it is in use."""
        chunks = self._chunks(epoch)
        coming = self._threads.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = self._threads.submit(next, chunks, None)
            yield chunk

    def whole(self, epoch: int) -> Chunk:
        """Return all of an epoch, and begin with those after it."""
        for number in range(epoch, min(epoch + 1 + AHEAD, self._recipe.epochs)):
            if number not in self._ahead:
                self._ahead[number] = self._threads.submit(self._joined, number)
        return self._ahead.pop(epoch).result()

    def close(self) -> None:
        """Stop the threads, and drop what was prepared ahead."""
        self._threads.shutdown(cancel_futures=True)

    def _chunks(self, epoch: int) -> Iterator[Chunk]:
        random = np.random.default_rng([self._recipe.seed, epoch])
        order = random.permutation(len(self._split))
        smoothed = np.full(1, smoothing(self._recipe, epoch), np.float32)
        for start in range(0, self.per_epoch * self._batch, self._batch):
            indices = order[start : start + self._batch]
            images, labels = augment(self._split.images[indices], random, self._recipe), self._split.labels[indices]
            mixed, partners, share = mixup(images, random, self._recipe.mixup)
            others, weights = labels[partners], self._weights[indices]
            yield Chunk(mixed[None], labels[None], weights[None], smoothed, others[None], share)

    def _joined(self, epoch: int) -> Chunk:
        return join([*self._chunks(epoch)])


def balance(labels: npt.NDArray[np.int64], strength: float) -> npt.NDArray[np.float32]:
    """Weigh images, 1 on average: with a strength of 1 categories weigh the same, with 0 images do."""
    counts = np.bincount(labels)
    of_categories = (1 / np.maximum(counts, 1)) ** strength
    return np.asarray(of_categories[labels] / of_categories[labels].mean(), np.float32)


def join(chunks: Sequence[Chunk]) -> Chunk:
    """Put the batches of all chunks into one."""
    names = [field.name for field in fields(Chunk)]
    return Chunk(*(np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in names))
