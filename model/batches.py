"""Shuffled, augmented batches of training images, made in threads while the network is busy with those before."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from model.augmentation import augment
from model.dataset import Split
from model.recipe import Recipe

Chunk = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]
AHEAD = 3
"""Epochs that are made ahead of their turn."""


class Batches:
    """The batches of each epoch; an epoch's follow from the recipe's seed and its number alone."""

    def __init__(self, split: Split, recipe: Recipe, batch: int) -> None:
        self._split, self._recipe, self._batch = split, recipe, batch
        self.per_epoch = len(split) // batch
        self._ahead: dict[int, Future[Chunk]] = {}
        self._threads = ThreadPoolExecutor(AHEAD, thread_name_prefix="batches")

    def one_by_one(self, epoch: int) -> Iterator[Chunk]:
        """uint8[1, B, H, W, C] and int64[1, B] for each batch; images that fill no batch wait for another shuffle."""
        random = np.random.default_rng([self._recipe.seed, epoch])
        order = random.permutation(len(self._split))
        for number in range(self.per_epoch):
            chosen = order[number * self._batch : (number + 1) * self._batch]
            images = augment(self._split.images[chosen], random, self._recipe)
            yield images[None], self._split.labels[chosen][None]

    def whole(self, epoch: int) -> Chunk:
        """The same as uint8[S, B, H, W, C] and int64[S, B]; the epochs after it are begun."""
        for number in range(epoch, min(epoch + 1 + AHEAD, self._recipe.epochs)):
            if number not in self._ahead:
                self._ahead[number] = self._threads.submit(self._joined, number)
        return self._ahead.pop(epoch).result()

    def close(self) -> None:
        """Stop the threads; what was made ahead is dropped."""
        self._threads.shutdown(cancel_futures=True)

    def _joined(self, epoch: int) -> Chunk:
        images, labels = zip(*self.one_by_one(epoch), strict=True)
        return np.concatenate(images), np.concatenate(labels)
