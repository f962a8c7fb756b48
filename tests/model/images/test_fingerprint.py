"""Fingerprints: copies of a picture have nearly the same one, other pictures another."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from model.images.fingerprint import fingerprint
from tests.conftest import SAMPLES

SMALL = [np.asarray(Image.open(path).convert("L"))[..., np.newaxis] for path in sorted(SAMPLES.glob("*.png"))[:12]]


def bits_between(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def compressed(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0]).save(file, "JPEG", quality=90)
    return np.asarray(Image.open(file))[..., np.newaxis]


@pytest.mark.parametrize("pixels", SMALL)
def test_a_copy_differs_in_few_bits(pixels: np.ndarray) -> None:
    brighter = np.clip(pixels * 1.05, 0, 255).astype(np.uint8)

    for copy in (compressed(pixels), brighter, np.repeat(pixels, 3, axis=2)):
        assert bits_between(fingerprint(pixels), fingerprint(copy)) <= 4


def test_other_pictures_differ_in_many() -> None:
    made = [fingerprint(pixels) for pixels in SMALL]

    assert {len(bits) for bits in made} == {16}
    assert min(bits_between(one, other) for at, one in enumerate(made) for other in made[:at]) > 4
