"""Images made to look like prepared photographs keep their shape, their type and what they show."""

import time
from collections.abc import Sequence

import numpy as np
import pytest

from model.training.augmentation import photo_style

CALM = {
    "TURN": 0.0,
    "FLARE": 0.0,
    "LIFT": 0.0,
    "STRETCH": (0.0, 0.0),
    "CRUMPLE": 0.0,
    "FILL": (1.0, 1.0),
    "RAGGED": 0.0,
    "TORN": 0.0,
    "SPECKLED": 0.0,
    "RESIDUE": 0.0,
    "DIMMED": 0.0,
}


def garments(count: int) -> np.ndarray:
    """Draw a T on black."""
    images = np.zeros((count, 28, 28, 1), np.uint8)
    images[:, 4:10, 3:25] = images[:, 4:25, 9:19] = 200
    return images


def calm(patch: pytest.MonkeyPatch, wild: Sequence[str] = ()) -> None:
    """Switch everything off but what is named."""
    for name, value in CALM.items():
        if name not in wild:
            patch.setattr(photo_style, name, value)


def overlap(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    one, other = images > 0, others > 0
    return np.asarray((one & other).sum((1, 2, 3)) / (one | other).sum((1, 2, 3)))


def test_the_style_follows_from_its_seed_and_keeps_shape_and_type() -> None:
    runs = [photo_style.restyle(garments(12), np.random.default_rng(3), 1.0) for _ in range(2)]

    assert (runs[0] == runs[1]).all()
    assert (runs[0].shape, runs[0].dtype) == ((12, 28, 28, 1), np.uint8)
    assert (runs[0] != garments(12)).any((1, 2, 3)).all()


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_only_that_share_of_the_images_is_changed(share: float) -> None:
    changed = (photo_style.restyle(garments(500), np.random.default_rng(0), share) != garments(500)).any((1, 2, 3))

    assert changed.mean() == pytest.approx(share, abs=0.07)


def test_without_any_change_of_shape_the_outline_fills_the_frame_and_is_else_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calm(monkeypatch)

    seen = photo_style.restyle(garments(20), np.random.default_rng(0), 1.0)

    filling = np.zeros((20, 28, 28, 1), np.uint8)
    filling[:, 0:8] = filling[:, :, 8:20] = 1
    assert overlap(seen, filling).min() > 0.85


def test_garments_lie_askew_by_up_to_25_degrees_and_still_fill_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    calm(monkeypatch, ["TURN"])

    seen = photo_style.restyle(garments(300), np.random.default_rng(0), 1.0)[..., 0] > 0

    assert np.ptp(np.flatnonzero(seen.any((0, 1)))) == 27
    longest = np.maximum(seen.any(1).sum(1), seen.any(2).sum(1))
    assert longest.min() >= 26


def test_a_ragged_torn_crumpled_garment_is_still_mostly_there() -> None:
    seen = photo_style.restyle(garments(300), np.random.default_rng(0), 1.0)
    plain = garments(300)

    assert np.median(overlap(seen, plain)) > 0.5
    assert 0.3 < (seen > 0).mean() / (plain > 0).mean() < 2.5


@pytest.mark.parametrize(("what", "fewer"), [("TORN", True), ("SPECKLED", True), ("RESIDUE", False)])
def test_parts_are_missing_or_some_floor_has_come_along(
    what: str, fewer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm(monkeypatch, [what])
    monkeypatch.setattr(photo_style, what, 1.0)
    changed = photo_style.restyle(garments(100), np.random.default_rng(0), 1.0) > 0
    monkeypatch.setattr(photo_style, what, 0.0)
    whole = photo_style.restyle(garments(100), np.random.default_rng(0), 1.0) > 0

    assert (changed.sum() < whole.sum()) == fewer
    assert (changed != whole).any((1, 2, 3)).mean() > 0.5


def test_cloth_is_never_darker_than_preprocessing_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calm(monkeypatch)

    seen = photo_style.restyle(garments(100), np.random.default_rng(0), 1.0)[:, 2:6, 2:-2]

    assert seen.min() >= photo_style.DARKEST


def test_no_bright_rim_is_left_when_contrast_is_turned_round(monkeypatch: pytest.MonkeyPatch) -> None:
    calm(monkeypatch)
    soft = garments(200)
    soft[:, 3:26, 2:26] = np.maximum(soft[:, 3:26, 2:26], 60 * (np.roll(soft, 1, 1) > 0)[:, 3:26, 2:26])

    seen = photo_style.restyle(soft, np.random.default_rng(0), 1.0)[..., 0].astype(int)

    assert (seen[:, 0:2, 4:24].mean((1, 2)) - seen[:, 3:6, 4:24].mean((1, 2))).max() < 60


def test_what_a_garment_encloses_belongs_to_it_and_what_lies_between_its_legs_does_not() -> None:
    image = np.zeros((1, 28, 28), np.float32)
    image[:, 2:26, 6:22] = 100
    image[:, 6:10, 10:14] = 0
    image[:, 16:26, 12:16] = 0

    mask = photo_style.masks(image)

    assert mask[0, 8, 12] == 1
    assert mask[0, 22, 14] == 0


def test_an_all_black_image_comes_out_without_a_warning() -> None:
    seen = photo_style.restyle(np.zeros((8, 28, 28, 1), np.uint8), np.random.default_rng(0), 1.0)

    assert seen.shape == (8, 28, 28, 1)


def test_it_costs_well_under_a_millisecond_an_image() -> None:
    random = np.random.default_rng(0)
    photo_style.restyle(garments(256), random, 1.0)

    started = time.thread_time()
    photo_style.restyle(garments(256), random, 1.0)

    assert (time.thread_time() - started) / 256 < 0.001
