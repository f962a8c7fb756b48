"""Images made to look like photographs keep their shape, their type and what they show."""

import numpy as np
import pytest

from model import imitation


def garments(count: int) -> np.ndarray:
    """A T on black."""
    images = np.zeros((count, 28, 28, 1), np.uint8)
    images[:, 4:10, 3:25] = images[:, 4:25, 9:19] = 200
    return images


def test_imitation_follows_from_its_seed_and_keeps_shape_and_type() -> None:
    runs = [imitation.imitated(garments(12), np.random.default_rng(3), 1.0) for _ in range(2)]

    assert (runs[0] == runs[1]).all()
    assert (runs[0].shape, runs[0].dtype) == ((12, 28, 28, 1), np.uint8)
    assert (runs[0] != garments(12)).any((1, 2, 3)).all()


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_only_that_share_of_the_images_is_changed(share: float) -> None:
    changed = (imitation.imitated(garments(500), np.random.default_rng(0), share) != garments(500)).any((1, 2, 3))

    assert changed.mean() == pytest.approx(share, abs=0.07)


def test_a_garment_that_is_not_turned_or_moved_is_sampled_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TURN": 0.0, "SCALE": (1.0, 1.0), "STRETCH": 0.0, "MOVE": 0.0}.items():
        monkeypatch.setattr(imitation, name, value)
    given = garments(3)[..., 0].astype(np.float32)

    np.testing.assert_allclose(imitation.askew(given, np.random.default_rng(0)), given, atol=0.01)


def test_a_turned_garment_still_lies_mostly_where_it_was() -> None:
    given = garments(100)[..., 0].astype(np.float32)

    turned = imitation.askew(given, np.random.default_rng(0))

    overlap = np.minimum(turned, given).sum((1, 2)) / given.sum((1, 2))
    assert overlap.mean() > 0.7


def test_about_half_the_grounds_stay_black_and_none_outshines_a_garment() -> None:
    grounds = imitation.grounds(np.random.default_rng(0), 400, 28, 28)

    assert (grounds.max((1, 2)) == 0).mean() == pytest.approx(0.5, abs=0.1)
    assert grounds.min() >= 0
    assert grounds.mean() < 60


def test_a_pair_shows_the_garment_twice_the_second_time_mirrored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imitation, "PAIRS", 1.0)

    pairs = imitation.paired(garments(40)[..., 0].astype(np.float32), np.random.default_rng(0))

    stacked = np.isclose(pairs[:, :14], pairs[:, 14:, ::-1]).all((1, 2))
    beside = np.isclose(pairs[:, :, :14], pairs[:, :, 14:][:, :, ::-1]).all((1, 2))
    assert (stacked | beside).all()
    assert 0 < stacked.sum() < 40
