"""A backbone's features: one row an image, the same in whatever company."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.training.backbones import backbone
from model.training.backbones.backbone import BackboneMissing
from model.training.features import BATCH, of_images

SIZE = 8


@pytest.fixture
def means(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the network, which takes long to build: the mean of each colour."""

    def build(_weights: Path | None, *, size: int, name: str) -> Any:
        import keras

        pixels = keras.Input((size, size, 3))
        return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels))

    monkeypatch.setattr(backbone, "build", build)


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.mark.usefixtures("means")
@pytest.mark.parametrize("count", [0, 1, 2 * BATCH + 3])
def test_every_image_gets_its_own_row_also_in_the_last_batch(count: int) -> None:
    images = noise(count)

    found = of_images(images, None, SIZE)

    assert (found.shape, found.dtype) == ((count, 3), np.float32)
    np.testing.assert_allclose(found, images.mean((1, 2)), rtol=1e-4)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot go into a network"):
        of_images(noise(1), None, SIZE * 2)


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(BackboneMissing, match="tagger model backbone"):
        of_images(noise(1), tmp_path / "none.npz", SIZE)
