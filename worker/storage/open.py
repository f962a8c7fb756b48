"""Opening the store that a source or a bucket column names."""

import os
import re
from collections.abc import Collection
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from worker.storage.ignore import Ignored, take_all
from worker.storage.store import S3Options, Store, StoreMisconfigured

BUCKET_CHARS = 1000
"""The longest name of a folder: with a key's head it must fit into a row of PostgreSQL's index."""

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")


def open_source(
    source: str, options: S3Options, *, ignore: Collection[Path] = (), ignored: Ignored = take_all
) -> Store:
    """Open the store of `photos/`, `file:///photos` or `s3://bucket/prefix`, without a request to it.

    Paths in `ignore` are not listed in a folder: the catalogue's own database, for example. `ignored` names are
    listed nowhere.
    Raises StoreMisconfigured for a source that is none of these.
    """
    match = _SCHEME.match(source)
    scheme = match.group(1).lower() if match else ""
    if scheme == "s3":
        bucket, _, prefix = source[len("s3://") :].partition("/")
        return _s3(bucket, prefix, options, source, ignored)
    if scheme == "file":
        return _short_enough(_folder(_path_of(source), ignore, ignored))
    if scheme or source.lower().startswith(("s3:", "file:")) or not source.strip():
        raise _malformed(source)
    return _short_enough(_folder(Path(source), ignore, ignored))


def open_bucket(bucket: str, options: S3Options) -> Store:
    """Open the store that a `bucket` column names, to read or presign its keys."""
    if bucket.startswith("file://"):
        return _folder(_path_of(bucket))
    return _s3(bucket, "", options, bucket)


def _folder(folder: Path, ignore: Collection[Path] = (), ignored: Ignored = take_all) -> Store:
    from worker.storage.folder import FolderStore

    return FolderStore(folder, ignore=ignore, ignored=ignored)


def _short_enough(store: Store) -> Store:
    if len(store.bucket) > BUCKET_CHARS:
        raise StoreMisconfigured(
            f"the path {store.bucket} is too long, {len(store.bucket):,} characters as a URL instead of"
            f" {BUCKET_CHARS:,}; mount the folder at a shorter one (mount --bind)"
        )
    return store


def _s3(bucket: str, prefix: str, options: S3Options, source: str, ignored: Ignored = take_all) -> Store:
    from worker.storage.s3 import S3Store

    if not bucket:
        raise _malformed(source)
    return S3Store(bucket, prefix, options, ignored)


def _path_of(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise _malformed(url)
    return Path(os.fsdecode(unquote_to_bytes(parts.path)))


def _malformed(source: str) -> StoreMisconfigured:
    return StoreMisconfigured(f"{source!r} is no source: name a folder (photos/), a file:// URL or s3://bucket/prefix")
