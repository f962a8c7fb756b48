"""Photographs as squares in colour: which part is seen, and what is around it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from model.data.photographs import Photograph
from model.data.pixels import ROOM, as_served, load
from model.images.decoding import ImageRejected, decode
from model.images.preprocessing import (
    FITS,
    PHOTOGRAPH,
    PreprocessingUnknown,
    check,
    photograph,
    preprocess,
    resized,
)
from tests.model.pictures import encode, noise

SIZE = 64


def flag() -> Image.Image:
    """240×120: red, then blue, then green in the last quarter."""
    pixels = np.zeros((120, 240, 3), np.uint8)
    pixels[:, :60, 0], pixels[:, 60:180, 2], pixels[:, 180:, 1] = 255, 255, 255
    return Image.fromarray(pixels)


def colours(row: np.ndarray) -> str:
    """The strongest colour of each place in uint8[N, 3], without repeating it."""
    letters = ["RGB"[at] for at in row.argmax(-1)]
    return "".join(letter for letter, before in zip(letters, ["", *letters[:-1]], strict=True) if letter != before)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(240, 120), (3, 200), (1, 1), (64, 64)])
def test_any_shape_becomes_the_square(fit: str, size: tuple[int, int]) -> None:
    seen = preprocess(noise(1, size), photograph(SIZE, fit))

    assert seen.shape == (SIZE, SIZE, 3)
    assert seen.dtype == np.uint8


@pytest.mark.parametrize(("fit", "seen"), [("squash", "RBG"), ("letterbox", "RBG"), ("crop", "B")])
def test_a_crop_loses_the_ends_and_the_others_lose_nothing(fit: str, seen: str) -> None:
    wide, high = flag(), flag().transpose(Image.Transpose.ROTATE_270)

    of_wide, of_high = (preprocess(image, photograph(SIZE, fit)) for image in (wide, high))

    assert colours(of_wide[SIZE // 2]) == colours(of_high[:, SIZE // 2]) == seen


def test_a_letterbox_keeps_the_shape_and_has_the_borders_colour_around_it() -> None:
    picture = Image.new("RGB", (200, 100), (250, 240, 200))
    picture.paste((20, 30, 90), (50, 25, 150, 75))

    seen = preprocess(picture, photograph(SIZE, "letterbox")).astype(int)

    dark = seen[..., 0] < 128
    assert (dark.any(1).sum(), dark.any(0).sum()) == (16, 32)
    assert abs(np.argmax(dark.any(1)) - 24) <= 1
    assert (seen[[0, 10, -1]] == (250, 240, 200)).all()


def test_a_square_of_the_right_size_stays_as_it_is() -> None:
    picture = noise(2, (SIZE, SIZE))

    for fit in FITS:
        np.testing.assert_array_equal(preprocess(picture, photograph(SIZE, fit)), np.asarray(picture))


def test_another_size_keeps_how_photographs_fit() -> None:
    assert resized(photograph(SIZE, "letterbox"), 80) == photograph(80, "letterbox")
    assert photograph(160, "crop") == PHOTOGRAPH
    assert not PHOTOGRAPH.hints.grey


def test_a_recipe_without_its_fit_is_refused() -> None:
    with pytest.raises(PreprocessingUnknown, match="photograph lacks fit"):
        check(replace(PHOTOGRAPH, parameters={"min_edge": 64}))


# Decoded once, for a training


def photographs(count: int) -> list[Photograph]:
    files = [encode(noise(seed, (6, 8)).resize((120, 150), Image.Resampling.BICUBIC), "PNG") for seed in range(count)]
    return [Photograph(f"{at}.png", "bag", lambda file=file: file) for at, file in enumerate(files)]


def test_training_photographs_are_kept_larger_and_served_nearly_as_all_others() -> None:
    six, labels, spec, steps = photographs(6), np.arange(6) % 2, photograph(SIZE), []
    splits = [np.array([0, 3, 5]), np.array([1]), np.array([4, 2])]

    data = load(six, labels, splits, spec, report_progress=steps.append)

    larger = round(ROOM * SIZE)
    assert [each.images.shape[:2] for each in (data.train, data.validation, data.test)] == [
        (3, larger),
        (1, 64),
        (2, 64),
    ]
    assert [each.labels.tolist() for each in (data.train, data.validation, data.test)] == [[0, 1, 1], [1], [0, 0]]
    assert sum(steps) == 6
    direct = preprocess(decode(six[5].read(), spec.hints), spec).astype(int)
    assert np.abs(as_served(data.train.images, spec)[2] - direct).mean() < 2


def test_the_digest_is_of_the_pixels_the_labels_and_the_splits() -> None:
    six, labels, spec = photographs(6), np.arange(6) % 2, photograph(SIZE)
    splits = [np.array([0, 1, 2, 3]), np.array([4]), np.array([5])]

    data, again = (load(six, labels, splits, spec) for _ in range(2))
    fewer = [splits[0][:2], *splits[1:]]
    others = [load(six, *how, spec) for how in ((1 - labels, splits), (labels, splits[::-1]), (labels, fewer))]

    assert data.digest == again.digest
    assert len({data.digest, *(each.digest for each in others)}) == 4
    assert len(others[2].train) == 2


def test_no_photograph_is_served_as_none_and_a_broken_one_is_rejected() -> None:
    broken = Photograph("a.jpg", "bag", lambda: b"no picture")

    assert as_served(np.zeros((0, 80, 80, 3), np.uint8), PHOTOGRAPH).shape == (0, 160, 160, 3)
    with pytest.raises(ImageRejected):
        load([broken], np.zeros(1, np.int64), [np.array([0]), np.array([]), np.array([])], photograph(SIZE))
