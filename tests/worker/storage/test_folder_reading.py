"""A folder as a store: one version is read whole, or the right error says why not."""

import os
import shutil
import urllib.request
from pathlib import Path

import pytest

from tests.worker.storage.folders import as_nobody, opened, write
from tests.worker.storage.listing import listed
from worker.storage.store import (
    AccessDenied,
    ChangedDuringRead,
    ImageNotFound,
    KeyNotSupported,
    NotAFile,
    StoreMisconfigured,
    StoreUnavailable,
    TooLarge,
)

ESCAPED = "\\udc2e\\udc2e/secret"
"""The escapes that key names use, for dots."""


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "a.jpg").write_bytes(data)
    (tmp_path / "empty.jpg").write_bytes(b"")
    store = opened(tmp_path)

    a, empty = listed(store)

    assert store.read("a.jpg", a.version_token, max_bytes=3_000_000) == data
    assert store.read("empty.jpg", empty.version_token, max_bytes=10) == b""


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg")
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    store = opened(tmp_path)

    token = listed(store)[1].version_token

    assert store.read("b.jpg", token, max_bytes=10) == b"a.jpg"


def test_more_bytes_than_allowed_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.jpg")
    store = opened(tmp_path)
    (photo,) = listed(store)
    monkeypatch.delattr(os, "read")

    with pytest.raises(TooLarge, match="TAGGER_MAX_IMAGE_BYTES"):
        store.read("a.jpg", photo.version_token, max_bytes=4)


@pytest.mark.parametrize("change", [b"other", b"longer than before"])
def test_a_file_changed_since_it_was_listed_is_refused(tmp_path: Path, change: bytes) -> None:
    write(tmp_path, "a.jpg")
    store = opened(tmp_path)
    (photo,) = listed(store)

    (tmp_path / "a.jpg").write_bytes(change)

    with pytest.raises(ChangedDuringRead):
        store.read("a.jpg", photo.version_token, max_bytes=100)


def test_a_file_changed_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.jpg")
    store = opened(tmp_path)
    (photo,) = listed(store)
    read = os.read

    def read_then_change(handle: int, count: int) -> bytes:
        data = read(handle, count)
        os.utime(tmp_path / "a.jpg", (1, 1))
        return data

    monkeypatch.setattr(os, "read", read_then_change)

    with pytest.raises(ChangedDuringRead):
        store.read("a.jpg", photo.version_token, max_bytes=100)


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.jpg")
    store = opened(tmp_path)
    (photo,) = listed(store)
    monkeypatch.setattr(os, "read", lambda handle, count: b"")

    with pytest.raises(ChangedDuringRead):
        store.read("a.jpg", photo.version_token, max_bytes=100)


def test_a_file_replaced_by_a_directory_is_no_file(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg")
    store = opened(tmp_path)
    (photo,) = listed(store)
    (tmp_path / "a.jpg").unlink()
    (tmp_path / "a.jpg").mkdir()

    with pytest.raises(NotAFile):
        store.read("a.jpg", photo.version_token, max_bytes=100)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ImageNotFound):
        opened(tmp_path).read("nothing.jpg", "1+1", max_bytes=100)
    write(tmp_path, "file")
    with pytest.raises(ImageNotFound):
        opened(tmp_path).read("file/below.jpg", "1+1", max_bytes=100)


def test_a_missing_folder_does_not_make_its_images_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreMisconfigured):
        opened(tmp_path / "unmounted").read("a.jpg", "1+1", max_bytes=100)


def test_a_file_without_permission_is_denied(open_folder: Path) -> None:
    write(open_folder, "a.jpg")
    (open_folder / "a.jpg").chmod(0)
    store = opened(open_folder)

    with as_nobody():
        (photo,) = listed(store)
        with pytest.raises(AccessDenied, match="permissions"):
            store.read("a.jpg", photo.version_token, max_bytes=100)


def test_a_failing_disk_is_an_outage_and_no_fault_of_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.jpg")
    store = opened(tmp_path)
    (photo,) = listed(store)

    def fail(handle: int, count: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", fail)

    with pytest.raises(StoreUnavailable, match="Input/output error"):
        store.read("a.jpg", photo.version_token, max_bytes=100)


@pytest.mark.parametrize(
    "key",
    [
        "../secret",
        "a/../../secret",
        "/etc/passwd",
        "a//b",
        "./a",
        "",
        ".",
        "..",
        "a/..",
        "a\0b",
        "\\udc2e\\udc2e/secret",
    ],
)
def test_a_key_never_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    write(tmp_path, "secret", "photos/a/b")
    store = opened(tmp_path / "photos")

    with pytest.raises(ImageNotFound):
        store.read(key, "6+1", max_bytes=100)
    if key != ESCAPED:  # a name like any other, inside
        with pytest.raises(ImageNotFound):
            store.presign(key)


def test_a_directory_swapped_for_a_link_leads_nowhere(tmp_path: Path) -> None:
    write(tmp_path, "secrets/a.jpg", "photos/d/a.jpg")
    store = opened(tmp_path / "photos")
    (photo,) = listed(store)
    (tmp_path / "photos/d").rename(tmp_path / "moved")
    (tmp_path / "photos/d").symlink_to("../secrets")
    os.utime(tmp_path / "secrets/a.jpg", ns=(1, int(photo.version_token.split("+")[1])))

    with pytest.raises(ImageNotFound):
        store.read(photo.key, photo.version_token, max_bytes=100)


def test_a_folders_image_has_a_file_url(tmp_path: Path) -> None:
    write(tmp_path, "a b/50%\U0001f457.jpg")

    url = opened(tmp_path).presign("a b/50%\U0001f457.jpg")

    with urllib.request.urlopen(url) as answer:
        assert answer.read() == "a b/50%\U0001f457.jpg".encode()


def test_a_path_that_the_system_cannot_open_is_listed_and_refused_with_its_reason(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "z.jpg")
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=folder)
        folder, above = os.open("d" * 250, os.O_RDONLY, dir_fd=folder), folder
        os.close(above)
    os.close(os.open("b.jpg", os.O_CREAT, dir_fd=folder))
    os.close(folder)
    store = opened(tmp_path)

    first, deep, last = listed(store)

    assert (first.key, last.key) == ("a.jpg", "z.jpg")
    with pytest.raises(KeyNotSupported, match="move it further up"):
        store.read(deep.key, deep.version_token, max_bytes=10)
    shutil.rmtree(tmp_path / ("d" * 250))
