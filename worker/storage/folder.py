# ruff: noqa: PTH100, PTH114, PTH116 - names are bytes, which Path does not take, and resolve() would rename a linked folder
"""A folder as an object store: keys are relative paths with `/`, in the order of their UTF-8 bytes.

Nothing is missing without a word: what cannot hold an image or be opened (a link to a directory, a pipe, a
closed directory) is listed too, and reading it says why. Reading never blocks on a pipe or device.
"""

import errno
import os
import stat
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from worker.storage.file_keys import changed, key_of_name, path_of_key, read_version, stored_object, version_token_of
from worker.storage.ignore import Ignored, take_all
from worker.storage.store import (
    PAGE_KEYS,
    AccessDenied,
    ImageNotFound,
    KeyNotSupported,
    NotAFile,
    StorageError,
    StoredObject,
    StoreGone,
    StoreMisconfigured,
    StoreUnavailable,
)

_VANISHED = (errno.ENOENT, errno.ENOTDIR)
_CLOSED = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)


class FolderStore:
    """The files below a folder, without those in `ignore` and those with `ignored` names.

    Symbolic links to directories are not followed. A directory that is left out is not opened, and counts once.
    """

    prefix = ""

    def __init__(self, folder: Path, *, ignore: Collection[Path] = (), ignored: Ignored = take_all) -> None:
        absolute = Path(os.path.abspath(folder))
        self.bucket = absolute.as_uri()
        self._root = os.fsencode(absolute).rstrip(b"/") + b"/"
        self._ignore = {os.path.realpath(os.fsencode(path)): os.fsencode(path.name) for path in ignore}
        self._ignored = ignored
        self.left_out = 0

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        """Yield pages of at most 1,000 files after the key `after`. Memory holds one directory's names a level."""
        self.check()
        objects = (listed for listed in self._walk(after) if listed.key > after)
        while page := list(islice(objects, PAGE_KEYS)):
            yield page
        self.check()  # a folder unmounted on the way has not lost its images

    def read(self, key: str, version_token: str, *, max_bytes: int) -> bytes:
        """Return the file's bytes if size and modification time are still those of `version_token`."""
        path = self._path(key)
        try:
            if key.endswith("/"):  # listed because it could not be opened
                os.scandir(path).close()
                raise changed(key)
            return read_version(path, key, version_token, max_bytes)
        except OSError as error:
            raise self._read_error(error, key, path) from error

    def presign(self, key: str, *, expires_s: int = 3600) -> str:  # noqa: ARG002 - a file:// URL never expires
        """Return the file's `file://` URL."""
        return Path(os.fsdecode(self._path(key))).as_uri()

    def check(self) -> None:
        """Raise StoreMisconfigured unless the folder exists and can be listed."""
        try:
            os.scandir(self._root).close()
        except OSError as error:
            kind, hint = StoreMisconfigured, ""
            if error.errno in _VANISHED:
                kind, hint = StoreGone, "; if it was deleted, scan it with --allow-mass-removal"
            raise kind(f"the folder {self.bucket} cannot be listed: {_why(error)}{hint}") from error

    def _walk(self, after: str) -> Iterator[StoredObject]:
        """Walk depth first over a stack of iterators, so that depth costs no recursion."""
        stack = [iter([""])]
        while stack:
            name = next(stack[-1], None)
            if name is None:
                stack.pop()
            elif name and not name.endswith("/"):
                yield from self._listed(name)
            else:
                try:
                    stack.append(iter(self._names(name, after)))
                except OSError as error:
                    yield from self._unopened(name, error)

    def _names(self, directory: str, after: str) -> list[str]:
        """List a directory's keys after `after` in order.

        A directory sorts by its name with the `/`, as the keys below it begin so: `a-b` < `a.jpg` < `a/…` < `a0`.
        """
        names = []
        raw = self._root + path_of_key(directory)
        with os.scandir(raw) as entries:
            for entry in entries:
                name = key_of_name(entry.name)
                key = directory + name
                if self._ignored(name) or self._is_ours(entry):
                    self.left_out += key > after
                    continue
                if entry.is_dir(follow_symlinks=False):
                    key += "/"
                if key > after or (key.endswith("/") and after.startswith(key)):
                    names.append(key)
        names.sort()  # str sorts by code point, which is the order of UTF-8 bytes
        return names

    def _is_ours(self, entry: os.DirEntry[bytes]) -> bool:
        """Tell whether an entry is one of the paths in `ignore`, by whatever links one of the two was reached."""
        return entry.name in self._ignore.values() and os.path.realpath(entry.path) in self._ignore

    def _listed(self, key: str) -> Iterator[StoredObject]:
        """Yield an entry as an object, unless it has vanished since its directory was read."""
        path = self._root + path_of_key(key)
        try:
            entry = os.stat(path)
            if stat.S_ISDIR(entry.st_mode):
                entry = os.lstat(path)
        except OSError as error:
            try:
                entry = os.lstat(path)
            except OSError:
                yield from self._unopened(key, error)
                return
        yield stored_object(key, entry)

    def _unopened(self, key: str, error: OSError) -> Iterator[StoredObject]:
        """Yield an entry that cannot be opened, so that reading it can say why."""
        if error.errno in _VANISHED:
            return
        if error.errno not in _CLOSED:
            raise StoreUnavailable(f"{key} in {self.bucket} cannot be listed: {_why(error)}") from error
        yield StoredObject(key, version_token_of(0, 0), 0, datetime.fromtimestamp(0, UTC))

    def _path(self, key: str) -> bytes:
        """Return the absolute path of a key. Raises ImageNotFound for one that leads out of the folder.

        Both `..` and a directory that was replaced by a link lead out.
        """
        relative = path_of_key(key).removesuffix(b"/")
        inside = b"\0" not in relative and not {b"", b".", b".."}.intersection(relative.split(b"/"))
        slash = relative.find(b"/")
        while inside and slash >= 0:
            inside = not os.path.islink(self._root + relative[:slash])
            slash = relative.find(b"/", slash + 1)
        if not inside:
            raise ImageNotFound(f"{key!r} leads out of {self.bucket}; scan again to get its real keys")
        return self._root + relative

    def _read_error(self, error: OSError, key: str, path: bytes) -> StorageError:
        if error.errno in (errno.EACCES, errno.EPERM):
            return AccessDenied(
                f"{key} may not be read by this user; change its permissions, and the next scan tries it again"
            )
        if error.errno in (errno.ENXIO, errno.ELOOP) or (error.errno in _VANISHED and os.path.islink(path)):
            return NotAFile(f"{key} is a link to nothing or a socket; replace it by the image")
        if error.errno == errno.ENAMETOOLONG:
            return KeyNotSupported(f"{key} is a longer path than this system opens; move it further up")
        if error.errno in _VANISHED:
            self.check()  # a folder that is gone as a whole says nothing about the image
            return ImageNotFound(f"{key} is no longer in {self.bucket}; the next scan marks it gone")
        return StoreUnavailable(f"{key} in {self.bucket} cannot be read: {_why(error)}")


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
