"""Near-duplicate photographs: perceptual hashes propose pairs, small thumbnails confirm them.

The hash is the 64-bit pHash of the library imagehash (signs of a discrete cosine transform; Zauner 2010,
"Implementation and Benchmarking of Perceptual Image Hash Functions"). It ignores colour and small details: two
different pairs of trousers in the same position on a floor have nearly the same hash. So the thumbnails decide.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

MIN_EDGE = 64
"""Pixels that the shorter edge keeps when a photograph is decoded for hashing: cheaper to decode, the same hash."""
DISTANCE = 6
"""Most bits of 64 in which two hashes of one picture differ. It finds 99 of 100 copies that were resized, recompressed
or brightened (docs/research/experiments.md)."""
CORRELATION = 0.99
"""Least correlation of two thumbnails of one picture. Different garments on one floor, with hashes as close, reached
0.91; in the 28-pixel pictures of Fashion-MNIST, shirts matched T-shirts at 0.985, and nothing wrong matched at 0.99."""
EDGE = 16  # pixels of a thumbnail
_FLAT = 8.0  # of 255: contrast below which there is nothing to compare
_CELLS = 1 << 20  # hashes compared at once: 12 MB
_PAIRS = 4_096  # thumbnails compared at once: 25 MB

Hashes = npt.NDArray[np.uint64]
Thumbnails = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]


def perceptual_hash(image: Image.Image) -> int:
    """Return a 64-bit hash; close hashes mean a similar distribution of light and dark."""
    import imagehash

    return int.from_bytes(np.packbits(imagehash.phash(image).hash).tobytes(), "big")


def thumbnail(image: Image.Image) -> Thumbnails:
    """Squash the image into uint8[EDGE, EDGE, 3]."""
    return np.asarray(image.resize((EDGE, EDGE), Image.Resampling.BOX), np.uint8)


def picture_numbers(hashes: Hashes, thumbnails: Thumbnails) -> Indices:
    """Assign near-duplicates the same number: hashes uint64[N], thumbnails uint8[N, EDGE, EDGE, 3] -> int64[N].

    The relation is transitive: if A matches B and B matches C, all three are one picture. Flat pictures match nothing.
    All pairs are compared, in blocks: 100,000 pictures are 5,000 million pairs, half a minute on one core and 150 MB.
    """
    numbers = np.arange(len(hashes))
    rows = max(1, _CELLS // max(1, len(hashes)))
    for start in range(0, len(hashes), rows):
        distance = np.bitwise_count(hashes[start : start + rows, None] ^ hashes[None, start:])
        left, right = np.nonzero(distance <= DISTANCE)
        left, right = left + start, right + start
        numbers = _merge(numbers, left[left < right], right[left < right], thumbnails)
    return numbers


def group_by_product(pictures: Indices, products: Sequence[str | None]) -> Indices:
    """Assign images with the same picture number or product to one group int64[N], numbered by first appearance."""
    first_seen: dict[str | int, int] = {}
    ends = [first_seen.setdefault(int(picture), index) for index, picture in enumerate(pictures)]
    ends += [index if name is None else first_seen.setdefault(name, index) for index, name in enumerate(products)]
    groups = _connected_components(np.tile(np.arange(len(pictures)), 2), np.asarray(ends, np.int64), len(pictures))
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def same_picture(one: Thumbnails, other: Thumbnails) -> npt.NDArray[np.bool_]:
    """Compare thumbnails uint8[P, EDGE, EDGE, 3] pair by pair -> bool[P].

    They match by their correlation after each colour's mean is removed: brightness may differ, colours may not.
    """
    (first, first_contrast), (second, second_contrast) = _without_mean(one), _without_mean(other)
    same: npt.NDArray[np.bool_] = (first * second).mean((1, 2, 3)) >= CORRELATION * first_contrast * second_contrast
    return same


def _merge(numbers: Indices, left: Indices, right: Indices, thumbnails: Thumbnails) -> Indices:
    """Merge the candidate pairs whose thumbnails match. Pairs that share a number already are not compared."""
    for start in range(0, len(left), _PAIRS):
        one, other = left[start : start + _PAIRS], right[start : start + _PAIRS]
        apart = numbers[one] != numbers[other]
        one, other = one[apart], other[apart]
        same = same_picture(thumbnails[one], thumbnails[other])
        if same.any():
            numbers = _connected_components(numbers[one[same]], numbers[other[same]], len(numbers))[numbers]
    return numbers


def _connected_components(one: Indices, other: Indices, count: int) -> Indices:
    """Assign the `count` nodes that the edges `one`-`other` connect the same number."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph: Any = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _without_mean(thumbnails: Thumbnails) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Remove each colour's mean -> float32[P, EDGE, EDGE, 3] and the contrast float32[P], at least _FLAT."""
    level = thumbnails.astype(np.float32)
    level -= level.mean((1, 2), keepdims=True)
    return level, np.maximum(level.std((1, 2, 3)), _FLAT)
