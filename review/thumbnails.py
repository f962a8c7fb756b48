"""Thumbnails: photographs decoded under the model's caps, made small, encoded as WebP, on disk up to a limit."""

import hashlib
import io
import os
import tempfile
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from worker.bootstrap import Stores
from worker.settings import Settings, cores

if TYPE_CHECKING:
    from model.images.memory import MemoryBudget

EDGES = {"small": 200, "large": 1000}
"""The longest edge of each size, in pixels."""
_KEPT = 0.9
_EFFORT = 0
"""Of WebP's encoder, of 6: a picture is made while somebody waits for it."""


class Thumbnails:
    """Small pictures of what the stores hold. Threads share it; the bytes of a store are never passed on."""

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self._settings, self._stores = settings, stores
        self._folder = settings.image_cache or _default_folder()
        self._at_once = BoundedSemaphore(cores())
        self._lock = Lock()
        self._bytes: int | None = None
        self._budget: MemoryBudget | None = None

    def get(self, bucket: str, key: str, version_token: str, size: str) -> bytes:
        """Return a version of an image as WebP. Raises StorageError and ImageRejected."""
        file = self._folder / f"{identity(bucket, key, version_token)}-{size}.webp"
        try:
            found = file.read_bytes()
            os.utime(file)  # what was used last is removed last
            return found
        except OSError:
            pass
        data = self._stores(bucket).read(key, version_token, max_bytes=self._settings.max_image_bytes)
        made = self._make(data, EDGES[size])
        self._keep(file, made)
        return made

    def _make(self, data: bytes, edge: int) -> bytes:
        from PIL.Image import Resampling

        from model.images.decoding import DecodeHints, decode

        with self._at_once, self._room().lease() as reserve:
            image = decode(data, DecodeHints(max_edge=edge), limits=self._settings.decode_limits, reserve=reserve)
            image.thumbnail((edge, edge), Resampling.HAMMING)  # as sharp as bicubic, at half the cost
            written = io.BytesIO()
            image.save(written, "WEBP", quality=80, method=_EFFORT)
        return written.getvalue()

    def _room(self) -> "MemoryBudget":
        from model.images.memory import MemoryBudget

        with self._lock:
            self._budget = self._budget or MemoryBudget()
            return self._budget

    def _keep(self, file: Path, data: bytes) -> None:
        """Write a picture aside and rename it. A cache that cannot be written costs time, and nothing else."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as aside:
                aside.write(data)
            Path(aside.name).replace(file)
        except OSError:
            return
        with self._lock:
            if self._bytes is None:
                self._bytes = sum(size for _, size, _ in self._files())
            else:
                self._bytes += len(data)
            if self._bytes > self._settings.image_cache_bytes:
                self._remove_oldest()

    def _remove_oldest(self) -> None:
        files = sorted(self._files())
        left = sum(size for _, size, _ in files)
        for _, size, path in files:
            if left <= _KEPT * self._settings.image_cache_bytes:
                break
            path.unlink(missing_ok=True)
            left -= size
        self._bytes = left

    def _files(self) -> list[tuple[float, int, Path]]:
        """List the pictures with the time of their last use and their size."""
        with os.scandir(self._folder) as entries:
            stats = [(Path(entry.path), entry.stat()) for entry in entries if entry.name.endswith(".webp")]
        return [(status.st_mtime, status.st_size, path) for path, status in stats]


def identity(bucket: str, key: str, version_token: str) -> str:
    """Return a name for a version of an image, of which no part leads out of a folder."""
    return hashlib.sha256("\0".join((bucket, key, version_token)).encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _default_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "catalogue-tagger" / "images"
