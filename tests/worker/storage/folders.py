"""Folders as stores, for the tests of listing and reading them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.storage.open import open_source
from worker.storage.store import S3Options, Store


def opened(folder: Path, *ignore: Path) -> Store:
    return open_source(str(folder), S3Options(), ignore=ignore)


def write(folder: Path, *keys: str) -> None:
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(key.encode())


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be nobody instead of root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
