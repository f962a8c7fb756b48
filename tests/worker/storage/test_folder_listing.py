"""A folder as a store: what is listed, in which order, and how it continues."""

import os
import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.worker.storage.folders import opened, write
from tests.worker.storage.listing import keys_of, listed
from worker.storage.store import StoreMisconfigured

TRICKY = ["a", "a-b", "a.jpg", "a b", "a0", "b", "b!", "é", "\U0001f457", "～", "z"]


def test_keys_come_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    write(
        tmp_path, "a/1.jpg", "a-b/1.jpg", "a.jpg", "a0.jpg", "a/b/c.jpg", "a/b.jpg", "\U0001f457.jpg", "～.jpg", "é.jpg"
    )

    keys = keys_of(opened(tmp_path))

    assert keys == sorted(keys, key=str.encode)
    assert len(keys) == 9


def test_a_listing_continues_after_any_key(tmp_path: Path) -> None:
    rng = random.Random(7)
    for _ in range(120):
        parts = rng.choices(TRICKY, k=rng.randint(1, 3))
        write(tmp_path, "/".join([*(f"{part}d" for part in parts), f"{rng.choice(TRICKY)}.jpg"]))
    store = opened(tmp_path)
    keys = keys_of(store)

    for after in [*keys, *TRICKY, "ad/", "a", "ad/b", "zzz"]:
        assert keys_of(store, after) == [key for key in keys if key.encode() > after.encode()], after


def test_a_subtree_before_the_key_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a/1.jpg", "b/1.jpg", "c/1.jpg")
    opened_folders = []
    scandir = os.scandir

    def noting(path: bytes) -> object:
        opened_folders.append(path.removeprefix(os.fsencode(tmp_path)))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noting)

    keys_of(opened(tmp_path), "b/1.jpg")

    assert b"/a/" not in opened_folders
    assert b"/c/" in opened_folders


def test_pages_hold_a_thousand_at_most(tmp_path: Path) -> None:
    write(tmp_path, *(f"{i:05}.jpg" for i in range(2_001)))

    assert [len(page) for page in opened(tmp_path).list_pages()] == [1000, 1000, 1]


def test_an_empty_folder_has_no_pages(tmp_path: Path) -> None:
    assert list(opened(tmp_path).list_pages()) == []


def test_an_object_tells_size_and_time(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg")
    os.utime(tmp_path / "a.jpg", ns=(0, 1_700_000_000_123_456_789))

    (photo,) = listed(opened(tmp_path))

    assert (photo.size, photo.version_token) == (5, "5+1700000000123456789")
    assert abs(photo.last_modified - datetime.fromtimestamp(1_700_000_000.123456, UTC)) < timedelta(milliseconds=1)
    assert photo.last_modified.tzinfo is UTC


def test_a_file_from_the_year_30000_is_listed(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg")
    os.utime(tmp_path / "a.jpg", (0, 890_000_000_000))

    assert keys_of(opened(tmp_path)) == ["a.jpg"]


def test_dot_files_are_listed_and_ignored_paths_are_not(tmp_path: Path) -> None:
    write(tmp_path, ".hidden.jpg", ".d/x.jpg", "tagger.db", "runs/1.log", "sub/tagger.db")

    keys = keys_of(opened(tmp_path, tmp_path / "tagger.db", tmp_path / "runs"))

    assert keys == [".d/x.jpg", ".hidden.jpg", "sub/tagger.db"]


@pytest.mark.parametrize("missing", ["nothing", "file.jpg"])
def test_a_folder_that_is_none_says_so(tmp_path: Path, missing: str) -> None:
    write(tmp_path, "file.jpg")
    store = opened(tmp_path / missing)

    with pytest.raises(StoreMisconfigured, match="cannot be listed"):
        store.check()
    with pytest.raises(StoreMisconfigured, match="cannot be listed"):
        list(store.list_pages())


def test_a_folder_that_goes_while_it_is_listed_is_no_empty_folder(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    write(folder, *(f"{i:04}.jpg" for i in range(1_001)))
    pages = opened(folder).list_pages()
    next(pages)

    folder.rename(tmp_path / "unmounted")

    with pytest.raises(StoreMisconfigured):
        list(pages)


def test_a_tree_deeper_than_python_recurses_is_listed(tmp_path: Path) -> None:
    levels = [tmp_path / "/".join("d" * depth) for depth in range(1, 1_200)]
    for level in levels:
        level.mkdir()
    (levels[-1] / "a.jpg").write_bytes(b"photo")

    keys = keys_of(opened(tmp_path))

    assert keys == [str((levels[-1] / "a.jpg").relative_to(tmp_path))]
    (levels[-1] / "a.jpg").unlink()  # pytest's own removal recurses
    for level in reversed(levels):
        level.rmdir()


def test_memory_stays_flat_over_many_directories(tmp_path: Path) -> None:
    for directory in range(20):
        write(tmp_path, *(f"{directory:02}/{i:04}.jpg" for i in range(200)))
    store = opened(tmp_path)
    tracemalloc.start()

    seen = sum(len(page) for page in store.list_pages())

    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == 4_000
    assert peak_bytes < 1_500_000
