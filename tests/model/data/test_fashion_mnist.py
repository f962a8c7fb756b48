"""Fashion-MNIST is found, checked, and split the same way every time."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from model.data import dataset, fashion_mnist
from model.data.dataset import DataMissing, Dataset, Split, hold_out
from model.data.fashion_mnist import load, locate


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make a machine without the data set: no Debian package, an empty home."""
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path


def test_where_it_is_nowhere_the_error_names_every_place_and_what_to_do(elsewhere: Path) -> None:
    with pytest.raises(DataMissing) as missing:
        load(address=f"file://{elsewhere}/none/")

    for place in ("debian", "cache", "file://", "--data"):
        assert place in str(missing.value)
    assert list((elsewhere / "cache").iterdir()) == []


def test_a_folder_named_is_the_only_place_looked_at(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=str(tmp_path)):
        load(tmp_path)


def test_a_file_with_other_content_is_refused(tmp_path: Path) -> None:
    for name in fashion_mnist.CONTENT:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(b"not this"))

    with pytest.raises(DataMissing, match="SHA-256"):
        load(tmp_path)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    for name in fashion_mnist.CONTENT:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(b"not this")[:-5])

    with pytest.raises(DataMissing, match="cannot be read"):
        load(tmp_path)


def test_a_download_lands_in_the_cache_and_is_found_there_next_time(elsewhere: Path) -> None:
    public = elsewhere / "public"
    public.mkdir()
    for name in fashion_mnist.CONTENT:
        (public / f"{name}.gz").write_bytes(b"anything")

    first = locate(address=f"file://{public}/")

    assert first == elsewhere / "cache"
    assert locate(address="file:///nowhere/") == first


def test_the_split_is_stratified_disjoint_and_the_same_every_time() -> None:
    labels = np.arange(1_000) % 10

    rest, held_out = hold_out(labels, 100, seed=1)

    assert np.bincount(labels[held_out]).tolist() == [10] * 10
    assert sorted([*rest, *held_out]) == list(range(1_000))
    assert (hold_out(labels, 100, seed=1)[1] == held_out).all()


def test_near_copies_of_test_and_validation_and_repeats_leave_training() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 250, (40, 28, 28, 1), dtype=np.uint8)
    near = images[:2] + random.integers(0, 6, (2, 28, 28, 1), dtype=np.uint8)
    train = np.concatenate([images[:30], images[:1]])
    data = Dataset(_unlabelled(train), _unlabelled(near[1:]), _unlabelled(np.concatenate([near[:1], images[35:]])), "")

    cleaned = fashion_mnist.without_copies(data)

    assert cleaned.dropped == {"in_test": 2, "in_validation": 1, "repeated": 1}
    assert (cleaned.train.images == images[2:30]).all()
    assert len(cleaned.test) == 6


def _unlabelled(images: np.ndarray) -> Split:
    return Split(images, np.zeros(len(images), np.int64))


def test_the_published_files_give_the_published_numbers() -> None:
    if not fashion_mnist.DEBIAN.is_dir() and not fashion_mnist.cache_folder().is_dir():
        pytest.skip("Fashion-MNIST is not on this machine")

    data = load()

    assert (len(data.train), len(data.validation), len(data.test)) == (
        55_000 - sum(data.dropped.values()),
        5_000,
        10_000,
    )
    assert data.dropped["in_test"] == 10
    assert np.bincount(data.test.labels).tolist() == [1_000] * 10
    assert dataset.digest_of(fashion_mnist.load_test()) == dataset.digest_of(data.test)
    assert data.train.images.shape[1:] == (28, 28, 1)
