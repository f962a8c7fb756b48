"""A folder as a store: what is listed, in which order, and how it continues."""

import os
import random
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.storage.listing import keys_of, listed
from worker.storage.file_keys import key_of_name, path_of_key
from worker.storage.open import open_source
from worker.storage.store import AccessDenied, NotAFile, S3Options, Store, StoreMisconfigured

TRICKY = ["a", "a-b", "a.jpg", "a b", "a0", "b", "b!", "é", "\U0001f457", "～", "z"]


def opened(folder: Path, *ignore: Path) -> Store:
    return open_source(str(folder), S3Options(), ignore=ignore)


def write(folder: Path, *keys: str) -> None:
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(key.encode())


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Root may read everything; so be somebody else, for whom `folder` is reachable."""
    if os.geteuid() != 0:
        yield
        return
    for parent in (folder, *folder.parents):
        parent.chmod(parent.stat().st_mode | 0o055)  # our group stays root
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


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

    (found,) = listed(opened(tmp_path))

    assert (found.size, found.version_token) == (5, "5+1700000000123456789")
    assert abs(found.last_modified - datetime.fromtimestamp(1_700_000_000.123456, UTC)) < timedelta(milliseconds=1)
    assert found.last_modified.tzinfo is UTC


def test_a_file_from_the_year_30000_is_listed(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg")
    os.utime(tmp_path / "a.jpg", (0, 890_000_000_000))

    assert keys_of(opened(tmp_path)) == ["a.jpg"]


def test_dot_files_are_listed_and_ignored_paths_are_not(tmp_path: Path) -> None:
    write(tmp_path, ".hidden.jpg", ".d/x.jpg", "tagger.db", "runs/1.log", "sub/tagger.db")

    keys = keys_of(opened(tmp_path, tmp_path / "tagger.db", tmp_path / "runs"))

    assert keys == [".d/x.jpg", ".hidden.jpg", "sub/tagger.db"]


def test_names_of_any_kind_are_listed_and_read_back(tmp_path: Path) -> None:
    names = [
        b"a b.jpg", b"it's \"quoted\".jpg", b"new\nline.jpg", "\U0001f457.jpg".encode(), b"100%.jpg", b"a\\b.jpg",
        b"caf\xe9.jpg", b"\xff\xfe", b"\\udcff", b"\\udc5cudcff", b"\xff\\udcff", b"CON", b"-rf", b"\x01",
    ]  # fmt: skip
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(name)
    store = opened(tmp_path)

    found = listed(store)

    read = [store.read(each.key, each.version_token, max_bytes=100) for each in found]
    assert sorted(read) == sorted(names)
    assert all(each.key.encode() for each in found)  # no lone surrogate
    assert [each.key for each in found] == sorted(each.key for each in found)


@given(
    st.binary(min_size=1, max_size=12).filter(lambda name: not {0, 47} & set(name)), st.sampled_from([b"", b"\\udcff"])
)
@settings(max_examples=300, deadline=None)
def test_every_name_has_a_key_of_its_own(name: bytes, tail: bytes) -> None:
    key = key_of_name(name + tail)

    assert path_of_key(key) == name + tail
    assert key.encode("utf-8")


def test_a_linked_folder_is_one_entry_and_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "real/1.jpg")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "real" / "up").symlink_to("..")

    keys = keys_of(opened(tmp_path))

    assert keys == ["link", "loop", "real/1.jpg", "real/up"]


def test_pipes_sockets_and_broken_links_are_listed_and_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to("nothing")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "linked").symlink_to(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "sock"))
        store = opened(tmp_path)
        found = listed(store)

        refusals = []
        for each in found:
            with pytest.raises(NotAFile) as refused:
                store.read(each.key, each.version_token, max_bytes=100)
            refusals.append(str(refused.value))

    assert [each.key for each in found] == ["broken", "device", "linked", "loop", "pipe", "sock"]
    assert [each.size for each in found] == [0] * 6
    assert "a link to a directory" in refusals[2]


def test_a_closed_directory_is_listed_as_one_entry_that_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "closed/1.jpg", "closed-not/1.jpg", "z.jpg")
    (tmp_path / "closed").chmod(0)
    store = opened(tmp_path)

    with as_nobody(tmp_path):
        found = listed(store)
        assert [each.key for each in found] == ["a.jpg", "closed-not/1.jpg", "closed/", "z.jpg"]
        assert keys_of(store, "closed/") == ["z.jpg"]
        with pytest.raises(AccessDenied, match="permissions"):
            store.read("closed/", found[2].version_token, max_bytes=100)

    (tmp_path / "closed").chmod(0o755)


def test_files_whose_state_is_hidden_are_listed_and_refused(tmp_path: Path) -> None:
    write(tmp_path, "names-only/1.jpg")
    (tmp_path / "names-only").chmod(0o744)
    store = opened(tmp_path)

    with as_nobody(tmp_path):
        (found,) = listed(store)
        with pytest.raises(AccessDenied):
            store.read(found.key, found.version_token, max_bytes=100)

    (tmp_path / "names-only").chmod(0o755)


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
