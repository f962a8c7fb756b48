"""Fingerprints of pictures: near-identical ones differ in few bits, whatever their size, compression and brightness.

This is the difference hash (Krawetz 2013, "Kind of Like That") in both directions, with a margin that leaves noise in
flat areas without bits.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

EDGE = 8
"""Differences a row and a column: 2 x 8 x 8 bits in all."""
_MARGIN = 8  # of 255


def fingerprint(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return 16 bytes for uint8[H, W, 1 or 3]: where it grows brighter to the right, and downwards."""
    image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0]).convert("L")
    level = np.asarray(image.resize((EDGE + 1, EDGE + 1), Image.Resampling.BOX), np.int16)
    right = level[:EDGE, 1:] - level[:EDGE, :-1] > _MARGIN
    down = level[1:, :EDGE] - level[:-1, :EDGE] > _MARGIN
    return np.packbits([right, down]).tobytes()
