"""A folder as a store: entries with any name, and entries that are no files, are listed and read or refused."""

import os
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from tests.worker.storage.folders import as_nobody, opened, write
from tests.worker.storage.listing import keys_of, listed
from worker.storage.file_keys import key_of_name, path_of_key
from worker.storage.store import AccessDenied, NotAFile


def test_names_of_any_kind_are_listed_and_read_back(tmp_path: Path) -> None:
    names = [
        b"a b.jpg", b"it's \"quoted\".jpg", b"new\nline.jpg", "\U0001f457.jpg".encode(), b"100%.jpg", b"a\\b.jpg",
        b"caf\xe9.jpg", b"\xff\xfe", b"\\udcff", b"\\udc5cudcff", b"\xff\\udcff", b"CON", b"-rf", b"\x01",
    ]  # fmt: skip
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(name)
    store = opened(tmp_path)

    objects = listed(store)

    read = [store.read(stored.key, stored.version_token, max_bytes=100) for stored in objects]
    assert sorted(read) == sorted(names)
    assert all(stored.key.encode() for stored in objects)  # no lone surrogate
    assert [stored.key for stored in objects] == sorted(stored.key for stored in objects)


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
        objects = listed(store)

        refusals = []
        for stored in objects:
            with pytest.raises(NotAFile) as refused:
                store.read(stored.key, stored.version_token, max_bytes=100)
            refusals.append(str(refused.value))

    assert [stored.key for stored in objects] == ["broken", "device", "linked", "loop", "pipe", "sock"]
    assert [stored.size for stored in objects] == [0] * 6
    assert "a link to a directory" in refusals[2]


def test_a_closed_directory_is_listed_as_one_entry_that_is_refused(open_folder: Path) -> None:
    write(open_folder, "a.jpg", "closed/1.jpg", "closed-not/1.jpg", "z.jpg")
    (open_folder / "closed").chmod(0)
    store = opened(open_folder)

    with as_nobody():
        objects = listed(store)
        assert [stored.key for stored in objects] == ["a.jpg", "closed-not/1.jpg", "closed/", "z.jpg"]
        assert keys_of(store, "closed/") == ["z.jpg"]
        with pytest.raises(AccessDenied, match="permissions"):
            store.read("closed/", objects[2].version_token, max_bytes=100)

    (open_folder / "closed").chmod(0o755)


def test_files_whose_state_is_hidden_are_listed_and_refused(open_folder: Path) -> None:
    write(open_folder, "names-only/1.jpg")
    (open_folder / "names-only").chmod(0o444)
    store = opened(open_folder)

    with as_nobody():
        (photo,) = listed(store)
        with pytest.raises(AccessDenied):
            store.read(photo.key, photo.version_token, max_bytes=100)

    (open_folder / "names-only").chmod(0o755)


def test_a_file_whose_mode_was_changed_counts_as_touched_though_its_version_is_the_same(tmp_path: Path) -> None:
    write(tmp_path, "closed.jpg", "left.jpg")
    os.utime(tmp_path / "closed.jpg", (1_000_000_000, 1_000_000_000))
    before = {stored.key: stored for stored in listed(opened(tmp_path))}
    changed_at = before["closed.jpg"].touched.timestamp()
    while time.time() < changed_at + 0.05:
        time.sleep(0.01)

    (tmp_path / "closed.jpg").chmod(0o600)

    after = {stored.key: stored for stored in listed(opened(tmp_path))}
    assert after["closed.jpg"].version_token == before["closed.jpg"].version_token
    assert after["closed.jpg"].touched > before["closed.jpg"].touched
    assert after["left.jpg"].touched == before["left.jpg"].touched
