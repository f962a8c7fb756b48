"""Photographs -> what the network sees."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model.preprocessing import FASHION_MNIST, PreprocessingUnknown, check, prepare
from tests.model.pictures import noise, photograph


def prepared(image: Image.Image) -> np.ndarray:
    return prepare(image, FASHION_MNIST)[..., 0].astype(int)


def test_the_garment_comes_out_light_on_black_from_a_white_ground() -> None:
    seen = prepared(photograph(ground=255))

    assert seen[0, 0] == 0
    assert seen[14, 14] > 150


def test_the_garment_comes_out_light_on_black_from_a_black_ground() -> None:
    light = Image.eval(photograph(ground=255), lambda level: 255 - level)

    assert np.abs(prepared(light) - prepared(photograph(ground=255))).max() <= 2


@pytest.mark.parametrize("ground", [160, 200, 230, 255])
def test_the_grounds_level_does_not_show(ground: int) -> None:
    seen = prepared(photograph(ground=ground))

    assert seen[0, 0] == 0
    assert (seen > 0).mean() == pytest.approx((prepared(photograph(ground=255)) > 0).mean(), abs=0.05)


def test_the_margin_is_trimmed_so_that_the_longest_edge_fills_the_frame() -> None:
    tight = photograph().crop((60, 100, 240, 300))
    wide = Image.new("RGB", (900, 900), (230, 230, 230))
    wide.paste(tight, (500, 300))

    assert np.abs(prepared(wide) - prepared(tight)).mean() < 6
    assert prepared(wide)[[0, -1]].max() > 0


@pytest.mark.parametrize("size", [(200, 60), (60, 200)])
def test_the_shorter_edge_is_centred_between_equal_black_margins(size: tuple[int, int]) -> None:
    ground = Image.new("RGB", (400, 400), "white")
    ground.paste((20, 20, 20), (100, 100, 100 + size[0], 100 + size[1]))

    filled = prepared(ground) > 0

    assert abs(filled.argmax() - filled[::-1, ::-1].argmax()) <= 28
    assert sorted((filled.any(0).sum(), filled.any(1).sum())) == [8, 28]


def test_an_image_as_in_fashion_mnist_passes_unchanged() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[:, 4:24] = np.asarray(noise(3, (20, 28), channels=1))

    assert (prepared(Image.fromarray(image).convert("RGB")) == image).all()


def test_a_dark_thumbnail_on_white_is_turned_light_on_black() -> None:
    seen = prepared(photograph(28, 28, ground=255))

    assert seen[0, 0] == 0
    assert seen.max() > 150


@pytest.mark.parametrize("colour", ["white", "black", (12, 200, 90)])
def test_an_even_picture_gives_nothing_but_black(colour: str) -> None:
    assert prepared(Image.new("RGB", (90, 70), colour)).max() == 0


@settings(max_examples=60, deadline=None)
@given(width=st.integers(1, 130), height=st.integers(1, 130), seed=st.integers(0, 99))
def test_any_size_gives_the_networks_size(width: int, height: int, seed: int) -> None:
    array = prepare(noise(seed, (width, height)), FASHION_MNIST)

    assert array.shape == (28, 28, 1)
    assert array.dtype == np.uint8


def test_an_unknown_recipe_is_refused() -> None:
    for other in (replace(FASHION_MNIST, name="clothing"), replace(FASHION_MNIST, version=2)):
        with pytest.raises(PreprocessingUnknown, match=other.name):
            prepare(photograph(), other)
    with pytest.raises(PreprocessingUnknown, match="trim_level"):
        check(replace(FASHION_MNIST, parameters={"min_edge": 64}))
