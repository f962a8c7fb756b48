"""Photographs -> what the network sees."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from model.images.decoding import decode
from model.images.preprocessing import (
    FASHION_MNIST,
    KNOWN,
    VERSION_1,
    Preprocessing,
    PreprocessingUnknown,
    check,
    preprocess,
)
from tests.model.pictures import encode, noise, on_floor, photograph

OF_GARMENTS = (VERSION_1, FASHION_MNIST)


def prepared(image: Image.Image) -> np.ndarray:
    return preprocess(image, FASHION_MNIST)[..., 0].astype(int)


@pytest.mark.parametrize("boards", [(150, 60), (70, 40)])
def test_on_a_floor_all_but_the_garment_is_black_from_version_2_on(boards: tuple[int, int]) -> None:
    picture, garment = on_floor(*boards)
    outline = prepared(Image.fromarray(garment).convert("RGB")) > 127

    seen = prepared(picture) > 0

    assert (seen == outline).mean() > 0.9
    assert ((preprocess(picture, VERSION_1)[..., 0] > 0) == outline).mean() < 0.8


def test_a_dark_garment_on_a_floor_comes_out_light_and_a_white_one_no_darker_than_is_seen_on_black() -> None:
    dark, light = (prepared(on_floor(150, 60, garment=level)[0]) for level in (25, 250))

    assert np.median(dark[dark > 0]) > 200
    assert 40 <= np.median(light[light > 0]) < 90


@pytest.mark.parametrize("ground", [255, 230, 0])
def test_on_an_even_ground_version_2_sees_what_version_1_sees(ground: int) -> None:
    picture = photograph(ground=ground)

    assert (prepared(picture) == preprocess(picture, VERSION_1)[..., 0]).all()


def test_a_garment_that_fills_the_frame_of_an_even_ground_is_still_taken_for_the_garment() -> None:
    cut = photograph(ground=255).crop((60, 100, 240, 300))

    assert prepared(cut)[14, 14] > 150
    assert prepared(cut)[-1, 0] == 0


def test_each_version_says_whether_the_decoder_may_leave_out_the_colours() -> None:
    data = encode(photograph(), "JPEG")

    seen = [preprocess(decode(data, spec.hints), spec) for spec in OF_GARMENTS]

    assert [spec.hints.grey for spec in KNOWN] == [True, False, False]
    assert np.abs(seen[0].astype(int) - seen[1]).mean() < 4


def test_a_margin_stays_black() -> None:
    wider = replace(FASHION_MNIST, parameters={**FASHION_MNIST.parameters, "margin": 2})

    seen = preprocess(on_floor(150, 60)[0], wider)[..., 0]

    assert seen[[0, 1, 26, 27]].max() == seen[:, [0, 1, 26, 27]].max() == 0
    assert seen[2:26].max() > 0


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


@pytest.mark.parametrize("spec", OF_GARMENTS)
def test_an_image_as_in_fashion_mnist_passes_unchanged(spec: Preprocessing) -> None:
    image = np.zeros((28, 28), np.uint8)
    image[:, 4:24] = np.asarray(noise(3, (20, 28), channels=1))

    assert (preprocess(Image.fromarray(image).convert("RGB"), spec)[..., 0] == image).all()


def test_a_dark_thumbnail_on_white_is_turned_light_on_black() -> None:
    seen = prepared(photograph(28, 28, ground=255))

    assert seen[0, 0] == 0
    assert seen.max() > 150


@pytest.mark.parametrize("colour", ["white", "black", (12, 200, 90)])
def test_an_even_picture_gives_nothing_but_black(colour: str) -> None:
    assert prepared(Image.new("RGB", (90, 70), colour)).max() == 0


@settings(max_examples=60, deadline=None)
@given(width=st.integers(1, 130), height=st.integers(1, 130), seed=st.integers(0, 99), spec=st.sampled_from(KNOWN))
def test_any_size_gives_the_networks_size(width: int, height: int, seed: int, spec: Preprocessing) -> None:
    array = preprocess(noise(seed, (width, height)), spec)

    assert array.shape == (spec.size, spec.size, spec.channels)
    assert array.dtype == np.uint8


def test_an_unknown_recipe_is_refused() -> None:
    for other in (replace(FASHION_MNIST, name="clothing"), replace(FASHION_MNIST, version=3)):
        with pytest.raises(PreprocessingUnknown, match=other.name):
            check(other)
    with pytest.raises(PreprocessingUnknown, match="trim_level"):
        check(replace(FASHION_MNIST, parameters={"min_edge": 64}))
