"""Labelled photographs decoded once, so that the epochs of a training cost only the network."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from model.data.dataset import Dataset, Split, digest_of
from model.data.photographs import Photograph
from model.images import preprocessing
from model.images.decoding import DEFAULT_LIMITS, DecodeLimits
from model.images.pixel_budget import PixelBudget
from model.images.preprocessing import Preprocessing, resized

Images = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]

ROOM = 1.25
"""Training photographs are kept so much larger than the network sees them, as it is shown cut-outs of them."""
THREADS = 4


def load(
    photographs: Sequence[Photograph],
    labels: Indices,
    splits: Sequence[Indices],
    spec: Preprocessing,
    *,
    trained: int = 0,
    limits: DecodeLimits = DEFAULT_LIMITS,
    report_progress: Callable[[int], None] = lambda _: None,
) -> Dataset:
    """Photographs with labels int64[N] as a Dataset; `splits` are the indices of train, validation and test.

    Training images are uint8[M, ROOM·T, ROOM·T, 3], T being the `trained` pixels that training shows, the others
    uint8[…, S, S, 3], S being the size that `spec` has; 0 makes T what S is.
    Raises ImageRejected for a photograph that was never inspected, and what its `read` raises.
    """
    larger = resized(spec, round(ROOM * (trained or spec.size)))
    parts = []
    for indices, how in zip(splits, (larger, spec, spec), strict=True):
        images = _read([photographs[at] for at in indices], how, limits, report_progress)
        parts.append(Split(images, labels[indices]))
    together = hashlib.sha256("".join(map(digest_of, parts)).encode()).hexdigest()
    train, validation, test = parts
    return Dataset(train, validation, test, digest=together)


def as_served(images: Images, spec: Preprocessing) -> Images:
    """Training images uint8[M, H, H, 3] of `load` -> uint8[M, S, S, 3], all but as `spec` prepares the photographs."""
    small = [preprocessing.square(image, spec.size) for image in images]
    return np.stack(small) if small else np.zeros((0, spec.size, spec.size, 3), np.uint8)


def _read(
    photographs: Sequence[Photograph],
    spec: Preprocessing,
    limits: DecodeLimits,
    report_progress: Callable[[int], None],
) -> Images:
    images = np.zeros((len(photographs), spec.size, spec.size, spec.channels), np.uint8)
    budget = PixelBudget()

    def read(photograph: Photograph) -> Images:
        with budget.lease() as reserve:
            return preprocessing.read(photograph.read(), spec, limits=limits, reserve=reserve)

    with ThreadPoolExecutor(THREADS, thread_name_prefix="pixels") as pool:
        for at, image in enumerate(pool.map(read, photographs)):
            images[at] = image
            report_progress(1)
    return images
