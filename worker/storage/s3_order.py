"""Listings in the order of the keys' UTF-8 bytes, also from servers with another order.

S3 lists `shirts-sale/1.jpg` before `shirts/1.jpg`, as bytes compare. SeaweedFS walks directories by name and
lists `shirts/` first (measured with 4.48); compared with sorted rows, such a listing seems to lack images.
So the first directory is used to find out how the server sorts, and the listing of one that walks is sorted
here, on disk. So is one with keys that the catalogue spells in another way, and in another place.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime

from worker.storage.s3_keys import is_spelt
from worker.storage.store import PAGE_KEYS, StoredObject, StoreMisconfigured

Lister = Callable[[str, str, int], list[StoredObject]]
"""`(prefix, after, keys)` -> up to `keys` objects with that prefix that the server lists after `after`."""

_JUST_BEFORE_SLASH = ".\U0010fffd"  # `.` is the byte before `/`


def ordered_pages(list_keys: Lister, prefix: str, after: str, *, probe: bool) -> Iterator[list[StoredObject]]:
    """Yield pages of keys > `after` in binary order; with `probe` the server is asked once how it sorts."""
    while page := list_keys(prefix, after, PAGE_KEYS):
        if is_spelt(after) or any(is_spelt(stored.key) for stored in page):
            yield from _sorted_on_disk(list_keys, prefix, after)
            return
        if probe and (directory := _first_directory(prefix, page)):
            probe = False
            if _walks_directories(list_keys, prefix, directory):
                yield from _sorted_on_disk(list_keys, prefix, after)
                return
        _require_order(after, page)
        after = page[-1].key
        yield page


def _first_directory(prefix: str, page: list[StoredObject]) -> str:
    """Return `a/` of the first key `a/b/c.jpg` with a directory after the prefix, or ""."""
    for stored in page:
        if (slash := stored.key.find("/", len(prefix) + 1)) > 0:
            return stored.key[: slash + 1]
    return ""


def _walks_directories(list_keys: Lister, prefix: str, directory: str) -> bool:
    """Ask what follows all keys that begin with `a.`: by bytes it is in `a/`, while a walker lists `a.` after `a/`."""
    page = list_keys(prefix, directory[:-1] + _JUST_BEFORE_SLASH, 1)
    return not page or not page[0].key.startswith(directory)


def _sorted_on_disk(list_keys: Lister, prefix: str, after: str) -> Iterator[list[StoredObject]]:
    """List everything in the server's order, then yield keys > `after` as SQLite sorts them; empty pages before."""
    with tempfile.NamedTemporaryFile(prefix="tagger-listing-") as file:
        database = sqlite3.connect(file.name)
        try:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("CREATE TABLE listed (key TEXT PRIMARY KEY, token, size, modified) WITHOUT ROWID")
            yield from _spool(list_keys, prefix, after, database)
            rows = database.execute("SELECT * FROM listed ORDER BY key")
            while page := rows.fetchmany(PAGE_KEYS):
                yield [StoredObject(key, token, size, datetime.fromisoformat(text)) for key, token, size, text in page]
        finally:
            database.close()


def _spool(list_keys: Lister, prefix: str, after: str, database: sqlite3.Connection) -> Iterator[list[StoredObject]]:
    last = ""
    while page := list_keys(prefix, last, PAGE_KEYS):
        if page[-1].key == last:
            raise _no_order(last, page[0].key)
        last = page[-1].key
        rows = [(o.key, o.version_token, o.size, o.last_modified.isoformat()) for o in page if o.key > after]
        database.executemany("INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?)", rows)
        yield []


def _require_order(after: str, page: list[StoredObject]) -> None:
    """Refuse a server that ignores StartAfter, which would give its first page for ever."""
    for stored in page:
        if stored.key <= after:
            raise _no_order(after, stored.key)
        after = stored.key


def _no_order(after: str, key: str) -> StoreMisconfigured:
    return StoreMisconfigured(
        f"the server lists {key!r} after {after!r}; it needs ListObjectsV2 in key order with StartAfter"
    )
