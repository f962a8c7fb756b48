"""Which photographs show the same picture: perceptual hashes find candidates, small thumbnails confirm them.

The hash is the 64-bit pHash of the library imagehash (signs of a discrete cosine transform; Zauner 2010,
"Implementation and Benchmarking of Perceptual Image Hash Functions"). It knows neither colours nor small things: two
pairs of trousers that lie alike on a floor have nearly the same one. So the thumbnails have the last word.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

MIN_EDGE = 64  # pixels that a photograph has at least when it is hashed: decoded at less cost, the same hash
DISTANCE = 6
"""Bits of 64 in which two hashes of one picture differ at most: that finds 99 in 100 copies which were resized, saved
anew or made brighter (docs/research/experiments.md)."""
CORRELATION = 0.99
"""Of two thumbnails, from which on they are one picture. Different garments on one floor, with hashes as near, reached
0.91; among the 28-pixel pictures of Fashion-MNIST, shirts and T-shirts were taken for one at 0.985, none at 0.99."""
EDGE = 16  # pixels of a thumbnail
_FLAT = 8.0  # of 255: contrast under which there is nothing to compare
_CELLS = 1 << 20  # hashes compared at once: 12 MB
_PAIRS = 4_096  # thumbnails compared at once: 25 MB

Hashes = npt.NDArray[np.uint64]
Thumbnails = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]


def perceptual_hash(image: Image.Image) -> int:
    """64 bits, of which near ones mean a like distribution of light and dark."""
    import imagehash

    return int.from_bytes(np.packbits(imagehash.phash(image).hash).tobytes(), "big")


def thumbnail(image: Image.Image) -> Thumbnails:
    """uint8[EDGE, EDGE, 3], whatever the picture's shape."""
    return np.asarray(image.resize((EDGE, EDGE), Image.Resampling.BOX), np.uint8)


def alike(hashes: Hashes, thumbnails: Thumbnails) -> Indices:
    """int64[N]: the same number for all that show the same picture, by uint64[N] and uint8[N, EDGE, EDGE, 3].

    If A is like B and B like C, all three are one picture. Flat pictures are like no other. Every pair is looked at, in
    blocks: 100,000 pictures are 5,000 million pairs, half a minute of one core and 150 MB.
    """
    numbers = np.arange(len(hashes))
    rows = max(1, _CELLS // max(1, len(hashes)))
    for at in range(0, len(hashes), rows):
        distance = np.bitwise_count(hashes[at : at + rows, None] ^ hashes[None, at:])
        one, other = np.nonzero(distance <= DISTANCE)
        one, other = one + at, other + at
        numbers = _merged(numbers, one[one < other], other[one < other], thumbnails)
    return numbers


def joined(numbers: Indices, names: Sequence[str | None]) -> Indices:
    """int64[N]: one number for all that share a number or a name, counted from 0 in the order of the first of each."""
    known: dict[str | int, int] = {}
    ends = [[known.setdefault(int(number), at) for at, number in enumerate(numbers)]]
    ends += [[known.setdefault(name, at) if name is not None else at for at, name in enumerate(names)]]
    connected = _connected(np.tile(np.arange(len(numbers)), 2), np.concatenate(ends).astype(np.int64), len(numbers))
    _, first, inverse = np.unique(connected, return_index=True, return_inverse=True)
    order: Indices = np.argsort(np.argsort(first))[inverse].astype(np.int64)
    return order


def _merged(numbers: Indices, one: Indices, other: Indices, thumbnails: Thumbnails) -> Indices:
    """With the candidate pairs that are confirmed. Those that are together already need no look."""
    for at in range(0, len(one), _PAIRS):
        left, right = one[at : at + _PAIRS], other[at : at + _PAIRS]
        apart = numbers[left] != numbers[right]
        left, right = left[apart], right[apart]
        same = confirmed(thumbnails[left], thumbnails[right])
        if same.any():
            numbers = _connected(numbers[left[same]], numbers[right[same]], len(numbers))[numbers]
    return numbers


def _connected(one: Indices, other: Indices, count: int) -> Indices:
    """A number for each of `count` nodes, the same for those that the edges connect."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph: Any = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    found: Indices = connected_components(graph, directed=False)[1].astype(np.int64)
    return found


def confirmed(one: Thumbnails, other: Thumbnails) -> npt.NDArray[np.bool_]:
    """bool[P]: do thumbnails uint8[P, EDGE, EDGE, 3] show the same picture?

    Their correlation counts, each colour's mean taken out: brightness may differ, colours may not.
    """
    (first, contrast), (second, another) = _levelled(one), _levelled(other)
    likeness: npt.NDArray[np.bool_] = (first * second).mean((1, 2, 3)) >= CORRELATION * contrast * another
    return likeness


def _levelled(thumbnails: Thumbnails) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Without each colour's mean, float32[P, EDGE, EDGE, 3]; and the contrast float32[P], at least _FLAT."""
    level = thumbnails.astype(np.float32)
    level -= level.mean((1, 2), keepdims=True)
    return level, np.maximum(level.std((1, 2, 3)), _FLAT)
