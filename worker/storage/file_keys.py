# ruff: noqa: PTH116 - names are bytes, which Path does not take
"""Files of a folder as objects: names become keys, size and time a version, bytes are read between two checks of it.

File names are bytes, keys are Unicode. Bytes that are not UTF-8 are spelt out, reversibly: `caf\\xe9.jpg` in
Latin-1 becomes the text `caf\\udce9.jpg` (PEP 383's code point written as an escape, since a database takes
no lone surrogate). A name that holds such text itself has its backslash spelt out (`\\udc5c`), so two names
never share a key.
"""

import os
import re
import stat
from datetime import UTC, datetime

from worker.storage.store import ChangedDuringRead, NotAFile, StoredObject, TooLarge

_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_READ_BYTES = 1 << 20
_ESCAPE = re.compile(rb"\\udc(5c|[89a-f][0-9a-f])")  # never a `.`, `/` or NUL


def key_of_name(name: bytes) -> str:
    """Turn a file's name into a part of a key."""
    if b"\\udc" in name:
        name = _ESCAPE.sub(rb"\\udc5cudc\1", name)
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace").decode("utf-8")


def path_of_key(key: str) -> bytes:
    """Return the relative path of a key made of such names."""
    path = key.encode("utf-8", "surrogatepass")
    if b"\\udc" not in path:
        return path
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), path)


def read_version(path: bytes, key: str, version_token: str, max_bytes: int) -> bytes:
    """Read a file between two checks of size and time. The check before opening keeps devices from being opened."""
    _require_version(os.stat(path), key, version_token)
    handle = os.open(path, _OPEN_FLAGS)
    try:
        size = _require_version(os.fstat(handle), key, version_token)
        if size > max_bytes:
            raise TooLarge(f"{key} has {size:,} bytes, allowed are {max_bytes:,}; see TAGGER_MAX_IMAGE_BYTES")
        data = _read_all(handle, size)
        if len(data) != size:
            raise changed(key)
        _require_version(os.fstat(handle), key, version_token)
        return data
    finally:
        os.close(handle)


def _read_all(handle: int, size: int) -> bytes:
    """Read at most `size + 1` bytes, in a single read unless the system cuts it short."""
    data = os.read(handle, min(size + 1, _READ_BYTES))
    if len(data) == size:
        return data
    parts = [data]
    left = size + 1 - len(data)
    while left and (part := os.read(handle, min(left, _READ_BYTES))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _require_version(entry: os.stat_result, key: str, version_token: str) -> int:
    """Return the size of a regular file in bytes, if it is still the version asked for."""
    if not stat.S_ISREG(entry.st_mode):
        what = "a link to a directory" if stat.S_ISDIR(entry.st_mode) else "a pipe, socket or device"
        raise NotAFile(f"{key} is {what}, not a file; put the images themselves into the folder")
    if version_token_of(entry.st_size, entry.st_mtime_ns) != version_token:
        raise changed(key)
    return entry.st_size


def changed(key: str) -> ChangedDuringRead:
    return ChangedDuringRead(f"{key} is no longer the listed version; the next scan lists the new one")


def stored_object(key: str, entry: os.stat_result) -> StoredObject:
    size = entry.st_size if stat.S_ISREG(entry.st_mode) else 0
    token = version_token_of(size, entry.st_mtime_ns)
    return StoredObject(key, token, size, _utc(entry.st_mtime), _utc(entry.st_ctime))


def _utc(seconds: float) -> datetime:
    """Clamp a file's time, which may be anything, to the years 1–9999 of a datetime."""
    return datetime.fromtimestamp(min(max(seconds, -62_135_596_800), 253_402_300_799), UTC)


def version_token_of(size: int, mtime_ns: int) -> str:
    return f"{size}+{mtime_ns}"
