"""The object store that scans and workers see: it lists pages after a key, reads one version whole, and presigns.

Nothing of boto3, botocore or `OSError` leaves this package: a caller sees `StoredObject`, bytes and the errors
below. Most of them are about one image (`reason` says which), one is about the store for now (`StoreUnavailable`:
try again later), one about the store until somebody acts (`StoreMisconfigured`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol, runtime_checkable

from worker import WorkerError

PAGE_KEYS = 1000
"""The most keys in a page, as in one answer of an S3 server."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One listed object: `size` in bytes, `last_modified` aware and in UTC.

    `version_token` changes whenever the bytes may have: `etag:size` on S3, `size+mtime_ns` in a folder.
    `status_changed` is a file's ctime.
    """

    key: str
    version_token: str
    size: int
    last_modified: datetime
    status_changed: datetime | None = None

    @property
    def touched(self) -> datetime:
        """When somebody last did anything to it that a listing shows, be it to its permissions or storage class."""
        return self.status_changed or self.last_modified


class StorageError(WorkerError):
    """Base of the store's errors; `reason` is recorded for the image, the message has the remedy."""

    reason: ClassVar[str] = "store_unavailable"


class ImageNotFound(StorageError):
    """The object does not exist any more, or its key leads out of the store."""

    reason = "not_found"


class AccessDenied(StorageError):
    """These credentials, or this user, may list this object, but not read it."""

    reason = "access_denied"


class Archived(StorageError):
    """The object lies in an archive class of the store, and cannot be read before somebody restores it."""

    reason = "archived"


class TooLarge(StorageError):
    """The object has more bytes than `max_bytes`; few of them were read, if any."""

    reason = "too_large"


class ChangedDuringRead(StorageError):
    """The object is another version than the one asked for; the next scan lists it."""

    reason = "changed_during_read"


class NotAFile(StorageError):
    """The entry cannot hold an image: a link to a directory or to nothing, a pipe, a socket, a device."""

    reason = "unsupported_format"


class KeyNotSupported(StorageError):
    """The object is there, but nothing can ask for it by its key or path."""

    reason = "key_not_supported"


class StoreUnavailable(StorageError):
    """The store does not answer for now: 5xx, SlowDown, time-outs, streams that are cut or drip. Try again."""


class StoreMisconfigured(StorageError):
    """The store cannot be used until somebody acts: no such bucket or folder, wrong credentials, malformed source."""


class StoreGone(StoreMisconfigured):
    """The bucket or folder does not exist: its name is wrong, it is not mounted, or it was deleted."""


class Store(Protocol):
    """An object store. The threads of a process share it."""

    @property
    def bucket(self) -> str:
        """The bucket's name; for a folder its `file:///absolute/path`."""

    @property
    def prefix(self) -> str:
        """What listed keys begin with ("" for a folder). Keys stay whole."""

    left_out: int
    """How many entries its listings have left out so far, as hidden or foreign ones."""

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        """Yield pages of at most 1,000 objects with keys > `after`, in the order of the keys' UTF-8 bytes.

        An empty page says that the listing goes on, but has nothing in this order yet.
        Raises StoreUnavailable, after which a listing may go on after the last key, and StoreMisconfigured.
        """

    def read(self, key: str, version_token: str, *, max_bytes: int) -> bytes:
        """Return exactly the bytes of that version. Raises this module's errors."""

    def presign(self, key: str, *, expires_s: int = 3600) -> str:
        """Return a URL that a browser can open; for a folder a `file://` one, which does not expire."""

    def check(self) -> None:
        """Make one cheap request. Raises StoreMisconfigured and StoreUnavailable."""


@runtime_checkable
class BucketStore(Store, Protocol):
    """A store whose objects are named by events: the bucket of an S3 server."""

    def find(self, key: str) -> StoredObject | None:
        """Return the object as a listing would give it; None if a listing would leave it out, or it is not there.

        So, too, if nothing can ask for a key like this one. Raises StoreUnavailable and StoreMisconfigured.
        """


@dataclass(frozen=True, slots=True)
class S3Options:
    """The way to reach an S3 server; credentials left None come from boto3's own chain.

    `deadline_s` limits the time for all bytes of an object, retries included; `io_threads` of a process read at once.
    """

    endpoint_url: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    io_threads: int = 4
    connect_timeout_s: float = 3
    read_timeout_s: float = 10
    deadline_s: float = 30
    session_token: str | None = field(default=None, repr=False)
    requester_pays: bool = False
