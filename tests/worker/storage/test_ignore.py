"""What is hidden, or another program's, is left out and counted, and a setting says what that is."""

import os
from pathlib import Path

import pytest

from stack.servers import Seaweed
from tests.worker.storage.folders import write
from tests.worker.storage.listing import keys_of
from tests.worker.storage.test_s3 import filled, options_of
from worker.storage.folder import FolderStore
from worker.storage.ignore import HIDDEN_AND_FOREIGN, ignored_names, is_below_ignored
from worker.storage.open import open_source
from worker.storage.s3 import S3Store
from worker.storage.store import S3Options

FOREIGN = [
    ".DS_Store",
    "._a.jpg",
    ".thumbnails/a.jpg",
    "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
    "shirts/#recycle/old.jpg",
    "shirts/.hidden.jpg",
    "shirts/@EADIR/b.jpg",
    "shirts/THUMBS.DB",
    "__MACOSX/shirts/._b.jpg",
    "desktop.ini",
]
IMAGES = ["a.jpg", "a.b/c.jpg", "eaDir/a.jpg", "shirts/@ea.jpg", "shirts/b.jpg", "z.#1"]


def test_a_folder_leaves_out_hidden_and_foreign_files_and_counts_them(tmp_path: Path) -> None:
    write(tmp_path, *FOREIGN, *IMAGES, "@eaDir/b.jpg/SYNOPHOTO_THUMB_M.jpg")
    store = FolderStore(tmp_path, ignored=ignored_names(HIDDEN_AND_FOREIGN))

    assert keys_of(store) == sorted(IMAGES)
    assert store.left_out == len(FOREIGN)


def test_a_bucket_leaves_out_hidden_and_foreign_keys_and_markers_and_counts_them(seaweed_server: Seaweed) -> None:
    bucket = filled(seaweed_server, *FOREIGN, *IMAGES, "shirts_$folder$").bucket
    seaweed_server.client().put_object(Bucket=bucket, Key="empty/", Body=b"")
    seaweed_server.client().put_object(Bucket=bucket, Key="full/", Body=b"\n")
    store = S3Store(bucket, "", options_of(seaweed_server), ignored_names(HIDDEN_AND_FOREIGN))

    assert keys_of(store) == sorted(IMAGES)
    assert store.left_out == len(FOREIGN) + 3


def test_a_listing_that_goes_on_counts_only_what_it_lists(tmp_path: Path) -> None:
    write(tmp_path, *FOREIGN, *IMAGES)
    store = FolderStore(tmp_path, ignored=ignored_names(HIDDEN_AND_FOREIGN))

    assert keys_of(store, "shirts/@ea.jpg") == ["shirts/b.jpg", "z.#1"]
    assert store.left_out == len(["THUMBS.DB"])


@pytest.mark.parametrize(
    ("prefix", "key", "is_left_out"),
    [
        ("", ".photos/a.jpg", True),
        (".photos/", ".photos/a.jpg", False),
        (".photos/", ".photos/.a.jpg", True),
        ("shop/.ph", "shop/.photos/a.jpg", False),
        ("shop/.ph", "shop/.photos/.b/a.jpg", True),
    ],
)
def test_what_somebody_asks_for_by_its_name_is_not_left_out(prefix: str, key: str, is_left_out: bool) -> None:
    assert is_below_ignored(ignored_names(HIDDEN_AND_FOREIGN), prefix, key) is is_left_out


def test_a_hidden_folder_may_be_a_source(tmp_path: Path) -> None:
    write(tmp_path / ".photos", "a.jpg", ".b.jpg")

    assert keys_of(FolderStore(tmp_path / ".photos", ignored=ignored_names(HIDDEN_AND_FOREIGN))) == ["a.jpg"]


@pytest.mark.parametrize(
    ("patterns", "left"), [("none", [".a", "B.TMP", "c"]), ("*.tmp , c", [".a"]), (",", [".a", "B.TMP", "c"])]
)
def test_patterns_say_what_is_left_out(patterns: str, left: list[str]) -> None:
    assert [name for name in (".a", "B.TMP", "c") if not ignored_names(patterns)(name)] == left


def test_the_catalogue_is_left_out_however_its_folder_is_reached(tmp_path: Path) -> None:
    write(tmp_path / "photos", "tagger.db", "a.jpg", "sub/tagger.db")
    (tmp_path / "link").symlink_to(tmp_path / "photos")

    for folder, database in (("link", "photos/tagger.db"), ("photos", "link/tagger.db"), ("link", "link/tagger.db")):
        store = open_source(str(tmp_path / folder), S3Options(), ignore=[tmp_path / database])
        assert keys_of(store) == ["a.jpg", "sub/tagger.db"]


def test_a_left_out_folder_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "@eaDir/deep/a.jpg", "b.jpg")
    scandir = os.scandir
    opened: list[bytes] = []
    monkeypatch.setattr(os, "scandir", lambda path: opened.append(path) or scandir(path))

    keys_of(FolderStore(tmp_path, ignored=ignored_names(HIDDEN_AND_FOREIGN)))

    assert not any(b"@eaDir" in path for path in opened)
