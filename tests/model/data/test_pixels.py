"""Photographs decoded once for a training: which part is kept, at what size, and the digest of all."""

import numpy as np
import pytest
from PIL import Image

from model.data.photographs import Photograph
from model.data.pixels import ROOM, as_served, load
from model.images.decoding import ImageRejected, decode
from model.images.preprocessing import PHOTOGRAPH, photograph, preprocess
from tests.model.pictures import encode, noise

SIZE = 64


def photographs(count: int) -> list[Photograph]:
    files = [encode(noise(seed, (6, 8)).resize((120, 150), Image.Resampling.BICUBIC), "PNG") for seed in range(count)]
    return [Photograph(f"{number}.png", "bag", lambda file=file: file) for number, file in enumerate(files)]


def test_training_photographs_are_kept_larger_and_served_nearly_as_all_others() -> None:
    six, labels, spec, steps = photographs(6), np.arange(6) % 2, photograph(SIZE), []
    splits = [np.array([0, 3, 5]), np.array([1]), np.array([4, 2])]

    data = load(six, labels, splits, spec, report_progress=steps.append)

    larger = round(ROOM * SIZE)
    assert [split.images.shape[:2] for split in (data.train, data.validation, data.test)] == [
        (3, larger),
        (1, 64),
        (2, 64),
    ]
    assert [split.labels.tolist() for split in (data.train, data.validation, data.test)] == [[0, 1, 1], [1], [0, 0]]
    assert sum(steps) == 6
    direct = preprocess(decode(six[5].read(), spec.hints), spec).astype(int)
    assert np.abs(as_served(data.train.images, spec)[2] - direct).mean() < 2


def test_the_digest_is_of_the_pixels_the_labels_and_the_splits() -> None:
    six, labels, spec = photographs(6), np.arange(6) % 2, photograph(SIZE)
    splits = [np.array([0, 1, 2, 3]), np.array([4]), np.array([5])]

    data, again = (load(six, labels, splits, spec) for _ in range(2))
    fewer = [splits[0][:2], *splits[1:]]
    others = [load(six, *changed, spec) for changed in ((1 - labels, splits), (labels, splits[::-1]), (labels, fewer))]

    assert data.digest == again.digest
    assert len({data.digest, *(other.digest for other in others)}) == 4
    assert len(others[2].train) == 2


def test_no_photograph_is_served_as_none_and_a_broken_one_is_rejected() -> None:
    broken = Photograph("a.jpg", "bag", lambda: b"no picture")

    assert as_served(np.zeros((0, 80, 80, 3), np.uint8), PHOTOGRAPH).shape == (0, 160, 160, 3)
    with pytest.raises(ImageRejected):
        load([broken], np.zeros(1, np.int64), [np.array([0]), np.array([]), np.array([])], photograph(SIZE))
